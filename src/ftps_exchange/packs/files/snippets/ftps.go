//_: Sends and fetches files over FTP with TLS: Go with github.com/jlaffaye/ftp ("go mod init ftps && go get
//_: github.com/jlaffaye/ftp" in clients/programs). Built there with "go build -o ftps ftps.go"; from the pack's folder:
//
//	clients/programs/ftps put report.csv ...
//	clients/programs/ftps get report.csv ...
//	clients/programs/ftps list
//
//_: Asks for the password (Windows shows it), or takes it from FTPS_PASSWORD. The exit status is 0 only if every file is
//_: complete.
package main

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/jlaffaye/ftp"
)

var (
	implicit = os.Getenv("FTPS_IMPLICIT") == "1"
	host     = setting("FTPS_HOST", "@HOST@")
	port     = setting("FTPS_PORT", map[bool]string{false: "@PORT@", true: "@IMPLICIT@"}[implicit])
	account  = setting("FTPS_ACCOUNT", "@ACCOUNT@")
	//_: Empty: the CAs that this system trusts
	caFile   = "@CA_FILE@"
)

func setting(name, otherwise string) string {
	if given := os.Getenv(name); given != "" {
		return given
	}
	return otherwise
}

func connect(password string) (*ftp.ServerConn, error) {
	config := &tls.Config{
		ServerName: host,
		MinVersion: tls.VersionTLS12,
		//_: With TLS 1.3 a session serves one data connection only, and Go gets no new one during an upload
		MaxVersion: tls.VersionTLS12,
		//_: Data connections resume the TLS session of the control connection: the server asks for it
		ClientSessionCache: tls.NewLRUClientSessionCache(8),
	}
	if caFile != "" {
		pem, err := os.ReadFile(caFile)
		if err != nil {
			return nil, err
		}
		config.RootCAs = x509.NewCertPool()
		config.RootCAs.AppendCertsFromPEM(pem)
	}
	//_: The first connection is the control connection; the package starts explicit TLS on it by itself
	control := true
	dial := func(network, address string) (net.Conn, error) {
		plain, err := net.DialTimeout(network, address, 60*time.Second)
		first := control
		control = false
		if err != nil || first && !implicit {
			return plain, err
		}
		return connection{tls.Client(plain, config)}, nil
	}
	secure := ftp.DialWithExplicitTLS(config)
	if implicit {
		secure = ftp.DialWithTLS(config)
	}
	c, err := ftp.Dial(net.JoinHostPort(host, port), ftp.DialWithDialFunc(dial), secure)
	if err != nil {
		return nil, err
	}
	return c, c.Login(account, password)
}

//_: A connection starts TLS when it is first used: the server answers only after the command. An empty file would
//_: end the connection before TLS began.
type connection struct{ *tls.Conn }

func (c connection) Close() error {
	err := c.Handshake()
	if ended := c.Conn.Close(); err == nil {
		err = ended
	}
	return err
}

func put(c *ftp.ServerConn, path string) error {
	//_: Under another name until it is complete: a broken upload replaces nothing
	name := filepath.Base(path)
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	if err := c.Stor(name+".part", file); err != nil {
		return err
	}
	if err := same(file, func() (int64, error) { return c.FileSize(name + ".part") }); err != nil {
		return err
	}
	return c.Rename(name+".part", name)
}

func get(c *ftp.ServerConn, name string) error {
	path := filepath.Base(name)
	there, err := c.FileSize(name)
	if err != nil {
		return err
	}
	answer, err := c.Retr(name)
	if err != nil {
		return err
	}
	file, err := os.Create(path + ".part")
	if err != nil {
		return err
	}
	defer file.Close()
	_, err = io.Copy(file, answer)
	if ended := answer.Close(); err == nil {
		err = ended
	}
	if err == nil {
		err = same(file, func() (int64, error) { return there, nil })
	}
	if err != nil {
		return err
	}
	return os.Rename(path+".part", path)
}

func same(file *os.File, there func() (int64, error)) error {
	here, err := file.Stat()
	if err != nil {
		return err
	}
	size, err := there()
	if err == nil && size != here.Size() {
		err = fmt.Errorf("%d bytes here, %d there", here.Size(), size)
	}
	return err
}

func run(command string, files []string, password string) (string, error) {
	c, err := connect(password)
	if err != nil {
		return host, err
	}
	defer c.Quit()
	if command == "list" {
		names, err := c.NameList(".")
		fmt.Println(strings.Join(names, "\n"))
		return host, err
	}
	work, done := put, "sent"
	if command == "get" {
		work, done = get, "fetched"
	}
	for _, file := range files {
		if err := work(c, file); err != nil {
			return file, err
		}
		fmt.Println(done, file)
	}
	return "", nil
}

func echo(setting string) {
	stty := exec.Command("stty", setting)
	stty.Stdin = os.Stdin
	_ = stty.Run()
}

func main() {
	command, files := "", []string{}
	if len(os.Args) > 1 {
		command, files = os.Args[1], os.Args[2:]
	}
	if !strings.Contains(" put get list ", " "+command+" ") || (command == "list") != (len(files) == 0) {
		fmt.Fprintln(os.Stderr, "usage: ftps put FILE... | get NAME... | list")
		os.Exit(2)
	}
	password, given := os.LookupEnv("FTPS_PASSWORD")
	if !given {
		fmt.Fprintf(os.Stderr, "Password of %s: ", account)
		echo("-echo")
		line, _ := bufio.NewReader(os.Stdin).ReadString('\n')
		echo("echo")
		fmt.Fprintln(os.Stderr)
		password = strings.TrimRight(line, "\r\n")
	}
	if at, err := run(command, files, password); err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", at, err)
		os.Exit(1)
	}
}
