#!/usr/bin/env ruby
#_: Sends and fetches files over FTP with TLS: Ruby 3.0 or newer with net-ftp ("gem install net-ftp", until Ruby 3.0 it is
#_: part of Ruby). From the pack's folder:
#
#     ruby clients/programs/ftps.rb put report.csv ...
#     ruby clients/programs/ftps.rb get report.csv ...
#     ruby clients/programs/ftps.rb list
#
#_: Asks for the password, or takes it from FTPS_PASSWORD. The exit status is 0 only if every file is complete.

require "io/console"
require "net/ftp"

HOST = ENV.fetch("FTPS_HOST", "@HOST@")
IMPLICIT = ENV["FTPS_IMPLICIT"] == "1"
PORT = Integer(ENV.fetch("FTPS_PORT", IMPLICIT ? "@IMPLICIT@" : "@PORT@"))
ACCOUNT = ENV.fetch("FTPS_ACCOUNT", "@ACCOUNT@")
#_: Empty: the CAs that this system trusts
CA_FILE = "@CA_FILE@"

def put(ftp, path)
  #_: Under another name until it is complete: a broken upload replaces nothing
  name = File.basename(path)
  ftp.putbinaryfile(path, "#{name}.part")
  same(File.size(path), ftp.size("#{name}.part"))
  ftp.rename("#{name}.part", name)
end

def get(ftp, name)
  path = File.basename(name)
  there = ftp.size(name)
  ftp.getbinaryfile(name, "#{path}.part")
  same(there, File.size("#{path}.part"))
  File.rename("#{path}.part", path)
end

def same(sent, arrived)
  raise "#{arrived} bytes of #{sent} arrived" unless sent == arrived
end

command, *files = ARGV
unless %w[put get list].include?(command) && (command == "list") == files.empty?
  abort "usage: ftps.rb put FILE... | get NAME... | list"
end
if IMPLICIT && Gem::Version.new(Net::FTP::VERSION) < Gem::Version.new("0.3")
  abort "implicit TLS needs net-ftp 0.3 or newer"
end
password = ENV["FTPS_PASSWORD"] || IO.console.getpass("Password of #{ACCOUNT}: ")
#_: With TLS 1.3 a session serves one data connection only, and net-ftp gets no new one during an upload
tls = { max_version: OpenSSL::SSL::TLS1_2_VERSION, verify_mode: OpenSSL::SSL::VERIFY_PEER }
tls[:ca_file] = CA_FILE unless CA_FILE.empty?
options = { port: PORT, username: ACCOUNT, password: password, ssl: tls, implicit_ftps: IMPLICIT, open_timeout: 60 }
at = HOST
begin
  Net::FTP.open(HOST, **options) do |ftp|
    puts ftp.nlst if command == "list"
    files.each do |file|
      at = file
      command == "put" ? put(ftp, file) : get(ftp, file)
      puts "#{command == 'put' ? 'sent' : 'fetched'} #{file}"
    end
  end
rescue StandardError => e
  abort "#{at}: #{e.message.strip}"
end
