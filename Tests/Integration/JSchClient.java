// A sender of the oldest kind that must get in: JSch 0.1 with its defaults, over ECDSA host keys and ECDH.
//   java -cp jsch.jar JSchClient.java PORT SOURCE KNOWN_HOSTS ACCOUNT (password SECRET | key FILE) LOCAL REMOTE [old]
// Prints the type of the host key that it was shown. With `old`, a later JSch knows no more than 0.1; without, none is told anything.
import com.jcraft.jsch.ChannelSftp;
import com.jcraft.jsch.JSch;
import com.jcraft.jsch.Session;
import com.jcraft.jsch.SocketFactory;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.Socket;

public class JSchClient {
    private static final String SIGNATURES = "ssh-rsa,ssh-dss,ecdsa-sha2-nistp256,ecdsa-sha2-nistp384,ecdsa-sha2-nistp521";
    private static final String CIPHERS =
        "aes128-ctr,aes128-cbc,3des-ctr,3des-cbc,blowfish-cbc,aes192-ctr,aes192-cbc,aes256-ctr,aes256-cbc";
    private static final String MACS = "hmac-md5,hmac-sha1,hmac-sha2-256,hmac-sha1-96,hmac-md5-96";
    /** The defaults of 0.1.55, as its JSch.getConfig() has them. PubkeyAcceptedAlgorithms came with 0.2: it is what 0.1 signs with. */
    private static final String[][] OLD = {
        {"kex", "ecdh-sha2-nistp256,ecdh-sha2-nistp384,ecdh-sha2-nistp521,diffie-hellman-group14-sha1,"
            + "diffie-hellman-group-exchange-sha256,diffie-hellman-group-exchange-sha1,diffie-hellman-group1-sha1"},
        {"server_host_key", SIGNATURES}, {"PubkeyAcceptedAlgorithms", SIGNATURES},
        {"cipher.c2s", CIPHERS}, {"cipher.s2c", CIPHERS}, {"mac.c2s", MACS}, {"mac.s2c", MACS},
    };

    public static void main(String[] words) throws Exception {
        JSch jsch = new JSch();
        jsch.setKnownHosts(words[2]);
        if (words[4].equals("key")) jsch.addIdentity(words[5]);
        Session session = jsch.getSession(words[3], "127.0.0.1", Integer.parseInt(words[0]));
        if (words[4].equals("password")) session.setPassword(words[5]);
        session.setConfig("StrictHostKeyChecking", "yes");
        if (words.length > 8) for (String[] setting : OLD) session.setConfig(setting[0], setting[1]);
        session.setSocketFactory(from(InetAddress.getByName(words[1])));
        session.connect(20000);
        ChannelSftp channel = (ChannelSftp) session.openChannel("sftp");
        channel.connect(20000);
        channel.put(words[6], words[7]);
        System.out.println(session.getHostKey().getType());
        session.disconnect();
    }

    /** Calls from one address of this machine: the gate lists that one. */
    private static SocketFactory from(InetAddress source) {
        return new SocketFactory() {
            public Socket createSocket(String host, int port) throws IOException {
                return new Socket(InetAddress.getByName(host), port, source, 0);
            }

            public InputStream getInputStream(Socket socket) throws IOException {
                return socket.getInputStream();
            }

            public OutputStream getOutputStream(Socket socket) throws IOException {
                return socket.getOutputStream();
            }
        };
    }
}
