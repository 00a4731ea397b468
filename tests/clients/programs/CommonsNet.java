// Apache Commons Net, as in its manual; with REUSE=1 and the reflection that is usual for resuming the TLS session
import java.io.FileInputStream;
import java.io.FileOutputStream;
import java.io.IOException;
import java.lang.reflect.Field;
import java.lang.reflect.Method;
import java.net.Socket;
import java.io.File;
import java.security.KeyStore;
import java.security.cert.CertificateFactory;
import java.util.Locale;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLSession;
import javax.net.ssl.SSLSessionContext;
import javax.net.ssl.SSLSocket;
import javax.net.ssl.TrustManagerFactory;
import org.apache.commons.net.ftp.FTP;
import org.apache.commons.net.ftp.FTPReply;
import org.apache.commons.net.ftp.FTPSClient;

public class CommonsNet {
    static class Reuse extends FTPSClient {
        Reuse(boolean implicit, SSLContext context) { super(implicit, context); }

        @Override
        protected void _prepareDataSocket_(Socket socket) throws IOException {
            SSLSession session = ((SSLSocket) _socket_).getSession();
            try {
                SSLSessionContext sessions = session.getSessionContext();
                Field cacheField = sessions.getClass().getDeclaredField("sessionHostPortCache");
                cacheField.setAccessible(true);
                Object cache = cacheField.get(sessions);
                Method put = cache.getClass().getDeclaredMethod("put", Object.class, Object.class);
                put.setAccessible(true);
                for (String host : new String[] {socket.getInetAddress().getHostName(), socket.getInetAddress().getHostAddress()}) {
                    put.invoke(cache, String.format("%s:%s", host, socket.getPort()).toLowerCase(Locale.ROOT), session);
                }
            } catch (ReflectiveOperationException error) {
                throw new IOException(error);
            }
        }
    }

    static void must(boolean done, FTPSClient ftp) throws IOException {
        if (!done) throw new IOException(ftp.getReplyString());
    }

    public static void main(String[] arguments) throws Exception {
        String action = arguments[0];
        if (action.equals("version")) {
            System.out.println("Java " + System.getProperty("java.version") + ", JSSE");
            return;
        }
        boolean implicit = "1".equals(System.getenv("FTPS_IMPLICIT"));
        KeyStore store = KeyStore.getInstance(KeyStore.getDefaultType());
        store.load(null);
        try (FileInputStream file = new FileInputStream(System.getenv("FTPS_CA"))) {
            store.setCertificateEntry("authority", CertificateFactory.getInstance("X.509").generateCertificate(file));
        }
        TrustManagerFactory trust = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
        trust.init(store);
        SSLContext context = SSLContext.getInstance("TLS");
        context.init(null, trust.getTrustManagers(), null);

        FTPSClient ftp = "1".equals(System.getenv("REUSE")) ? new Reuse(implicit, context) : new FTPSClient(implicit, context);
        ftp.setDefaultTimeout(20000);
        ftp.setDataTimeout(20000);
        ftp.connect(System.getenv("FTPS_HOST"), Integer.parseInt(System.getenv("FTPS_PORT")));
        must(FTPReply.isPositiveCompletion(ftp.getReplyCode()), ftp);
        must(ftp.login(System.getenv("FTPS_ACCOUNT"), System.getenv("FTPS_PASSWORD")), ftp);
        ftp.execPBSZ(0);
        ftp.execPROT("P");
        ftp.enterLocalPassiveMode();
        must(ftp.setFileType(FTP.BINARY_FILE_TYPE), ftp);
        if (action.equals("list")) {
            String[] names = ftp.listNames();
            must(names != null, ftp);
            for (String name : names) System.out.println(name);
        }
        for (int index = 1; index < arguments.length; index++) {
            String name = arguments[index];
            if (action.endsWith("put")) {
                try (FileInputStream file = new FileInputStream(name)) {
                    if (action.equals("resume-put")) {
                        long there = Long.parseLong(ftp.getSize(name));
                        file.skipNBytes(there);
                        ftp.setRestartOffset(there);
                    }
                    must(ftp.storeFile(name, file), ftp);
                }
            } else if (action.endsWith("get")) {
                boolean resume = action.equals("resume-get");
                if (resume) ftp.setRestartOffset(new File(name).length());
                try (FileOutputStream file = new FileOutputStream(name, resume)) {
                    must(ftp.retrieveFile(name, file), ftp);
                }
            }
        }
        ftp.logout();
        ftp.disconnect();
    }
}
