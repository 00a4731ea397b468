# Ruby's net-ftp, as in its manual
require "net/ftp"
require "openssl"

action, *names = ARGV
if action == "version"
  puts "net-ftp #{Net::FTP::VERSION}, Ruby #{RUBY_VERSION}, #{OpenSSL::OPENSSL_LIBRARY_VERSION}"
  exit
end

options = {
  port: ENV["FTPS_PORT"].to_i,
  ssl: { ca_file: ENV["FTPS_CA"] },
  implicit_ftps: ENV["FTPS_IMPLICIT"] == "1",
  username: ENV["FTPS_ACCOUNT"],
  password: ENV["FTPS_PASSWORD"],
  open_timeout: 20,
  read_timeout: 20
}
Net::FTP.open(ENV["FTPS_HOST"], options) do |ftp|
  puts ftp.nlst if action == "list"
  ftp.resume = true if action.start_with?("resume")
  names.each do |name|
    action.end_with?("put") ? ftp.putbinaryfile(name) : ftp.getbinaryfile(name)
  end
end
