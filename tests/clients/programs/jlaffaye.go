// jlaffaye/ftp, as in its manual
package main

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"log"
	"os"
	"runtime"
	"time"

	"github.com/jlaffaye/ftp"
)

func must(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

func main() {
	action, names := os.Args[1], os.Args[2:]
	if action == "version" {
		fmt.Println(runtime.Version() + ", crypto/tls")
		return
	}
	pool := x509.NewCertPool()
	authority, err := os.ReadFile(os.Getenv("FTPS_CA"))
	must(err)
	pool.AppendCertsFromPEM(authority)
	config := &tls.Config{ServerName: os.Getenv("FTPS_HOST"), RootCAs: pool}
	if os.Getenv("GO_SESSION_CACHE") == "1" {
		config.ClientSessionCache = tls.NewLRUClientSessionCache(0)
	}
	security := ftp.DialWithExplicitTLS(config)
	if os.Getenv("FTPS_IMPLICIT") == "1" {
		security = ftp.DialWithTLS(config)
	}
	connection, err := ftp.Dial(os.Getenv("FTPS_HOST")+":"+os.Getenv("FTPS_PORT"), security, ftp.DialWithTimeout(20*time.Second))
	must(err)
	must(connection.Login(os.Getenv("FTPS_ACCOUNT"), os.Getenv("FTPS_PASSWORD")))
	if action == "list" {
		entries, err := connection.NameList("")
		must(err)
		for _, entry := range entries {
			fmt.Println(entry)
		}
	}
	for _, name := range names {
		switch action {
		case "put", "resume-put":
			file, err := os.Open(name)
			must(err)
			var offset int64
			if action == "resume-put" {
				offset, err = connection.FileSize(name)
				must(err)
				_, err = file.Seek(offset, io.SeekStart)
				must(err)
			}
			must(connection.StorFrom(name, file, uint64(offset)))
		case "get", "resume-get":
			flags, offset := os.O_CREATE|os.O_WRONLY|os.O_TRUNC, int64(0)
			if action == "resume-get" {
				status, err := os.Stat(name)
				must(err)
				flags, offset = os.O_WRONLY|os.O_APPEND, status.Size()
			}
			file, err := os.OpenFile(name, flags, 0o644)
			must(err)
			response, err := connection.RetrFrom(name, uint64(offset))
			must(err)
			_, err = io.Copy(file, response)
			must(err)
			must(response.Close())
		}
	}
	must(connection.Quit())
}
