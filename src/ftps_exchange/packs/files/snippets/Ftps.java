//_: Sends and fetches files over FTP with TLS: Java 17 or newer with commons-net 3.8 or newer. From the pack's folder:
//
//     java -cp commons-net.jar clients/programs/Ftps.java put report.csv ...
//     java -cp commons-net.jar clients/programs/Ftps.java get report.csv ...
//     java -cp commons-net.jar clients/programs/Ftps.java list
//
//_: Asks for the password, or takes it from FTPS_PASSWORD. The exit status is 0 only if every file is complete.

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.Socket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.security.KeyStore;
import java.security.cert.Certificate;
import java.security.cert.CertificateFactory;
import java.util.Arrays;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLSocket;
import javax.net.ssl.TrustManagerFactory;
import org.apache.commons.net.DefaultSocketFactory;
import org.apache.commons.net.ftp.FTP;
import org.apache.commons.net.ftp.FTPSClient;

public class Ftps {
    static final String HOST = setting("FTPS_HOST", "@HOST@");
    static final boolean IMPLICIT = setting("FTPS_IMPLICIT", "").equals("1");
    static final int PORT = Integer.parseInt(setting("FTPS_PORT", IMPLICIT ? "@IMPLICIT@" : "@PORT@"));
    static final String ACCOUNT = setting("FTPS_ACCOUNT", "@ACCOUNT@");
    //_: Empty: the CAs that Java trusts
    static final String CA_FILE = "@CA_FILE@";

    /** Its data connections resume the TLS session of the control connection: the server asks for it. */
    static class Client extends FTPSClient {
        private final SSLContext tls;

        Client(SSLContext tls) {
            super(IMPLICIT, tls);
            this.tls = tls;
            setEndpointCheckingEnabled(true);
            //_: With TLS 1.3 a session serves one data connection only, and Java gets no new one during an upload
            setEnabledProtocols(new String[] {"TLSv1.2"});
        }

        @Override
        protected Socket _openDataConnection_(String command, String argument) throws IOException {
            Socket plain = super._openDataConnection_(command, argument);
            if (plain == null) {
                //_: The server refused the command
                return null;
            }
            SSLSocket socket = (SSLSocket) tls.getSocketFactory().createSocket(plain, HOST, PORT, true);
            socket.setEnabledProtocols(getEnabledProtocols());
            var parameters = socket.getSSLParameters();
            parameters.setEndpointIdentificationAlgorithm("HTTPS");
            socket.setSSLParameters(parameters);
            socket.startHandshake();
            return socket;
        }
    }

    /** Java looks a TLS session up by host and port, so a data connection says the port of the control connection. */
    static class DataSockets extends DefaultSocketFactory {
        @Override
        public Socket createSocket() {
            return new Socket() {
                @Override
                public int getPort() {
                    return PORT;
                }
            };
        }
    }

    static void put(Client ftp, Path path) throws IOException {
        //_: Under another name until it is complete: a broken upload replaces nothing
        String name = path.getFileName().toString();
        try (InputStream file = Files.newInputStream(path)) {
            check(ftp, ftp.storeFile(name + ".part", file));
        }
        same(Files.size(path), size(ftp, name + ".part"));
        check(ftp, ftp.rename(name + ".part", name));
    }

    static void get(Client ftp, String name) throws IOException {
        Path path = Path.of(name).getFileName(), part = Path.of(path + ".part");
        long there = size(ftp, name);
        try (OutputStream file = Files.newOutputStream(part)) {
            check(ftp, ftp.retrieveFile(name, file));
        }
        same(there, Files.size(part));
        Files.move(part, path, StandardCopyOption.REPLACE_EXISTING);
    }

    static long size(Client ftp, String name) throws IOException {
        check(ftp, ftp.sendCommand("SIZE", name) == 213);
        return Long.parseLong(ftp.getReplyString().substring(4).trim());
    }

    static void same(long sent, long arrived) throws IOException {
        if (sent != arrived) {
            throw new IOException(arrived + " bytes of " + sent + " arrived");
        }
    }

    static void check(Client ftp, boolean done) throws IOException {
        if (!done) {
            throw new IOException(ftp.getReplyString().trim());
        }
    }

    static String setting(String name, String otherwise) {
        String given = System.getenv(name);
        return given == null ? otherwise : given;
    }

    static SSLContext trusting() throws Exception {
        //_: What Java trusts
        KeyStore store = null;
        if (!CA_FILE.isEmpty()) {
            store = KeyStore.getInstance(KeyStore.getDefaultType());
            store.load(null, null);
            try (InputStream file = Files.newInputStream(Path.of(CA_FILE))) {
                for (Certificate one : CertificateFactory.getInstance("X.509").generateCertificates(file)) {
                    store.setCertificateEntry("ca" + store.size(), one);
                }
            }
        }
        var trust = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
        trust.init(store);
        SSLContext context = SSLContext.getInstance("TLS");
        context.init(null, trust.getTrustManagers(), null);
        return context;
    }

    public static void main(String[] args) throws Exception {
        String command = args.length == 0 ? "" : args[0];
        if (!Arrays.asList("put", "get", "list").contains(command) || command.equals("list") != (args.length == 1)) {
            System.err.println("usage: Ftps put FILE... | get NAME... | list");
            System.exit(2);
        }
        String password = System.getenv("FTPS_PASSWORD");
        if (password == null) {
            password = new String(System.console().readPassword("Password of %s: ", ACCOUNT));
        }
        String at = HOST;
        Client ftp = new Client(trusting());
        ftp.setControlEncoding("UTF-8");
        ftp.setConnectTimeout(60_000);
        ftp.setDefaultTimeout(60_000);
        try {
            ftp.connect(HOST, PORT);
            check(ftp, ftp.login(ACCOUNT, password));
            ftp.execPBSZ(0);
            ftp.execPROT("P");
            ftp.setSocketFactory(new DataSockets());
            ftp.enterLocalPassiveMode();
            ftp.setUseEPSVwithIPv4(true);
            //_: SIZE counts bytes in this mode only
            check(ftp, ftp.setFileType(FTP.BINARY_FILE_TYPE));
            if (command.equals("list")) {
                String[] names = ftp.listNames();
                check(ftp, names != null);
                System.out.println(String.join("\n", names));
            }
            for (String file : Arrays.asList(args).subList(1, args.length)) {
                at = file;
                if (command.equals("put")) {
                    put(ftp, Path.of(file));
                } else {
                    get(ftp, file);
                }
                System.out.println((command.equals("put") ? "sent " : "fetched ") + file);
            }
            ftp.logout();
        } catch (IOException error) {
            System.err.println(at + ": " + error.getMessage());
            System.exit(1);
        }
    }
}
