// A sender of the oldest kind that must get in: JSch 0.1 with its defaults, over ECDSA host keys and ECDH.
//   java -cp jsch.jar JSchClient.java PORT SOURCE KNOWN_HOSTS ACCOUNT (password SECRET | key FILE) LOCAL REMOTE
// Prints the type of the host key that it was shown. It is told no algorithm.
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
    public static void main(String[] words) throws Exception {
        JSch jsch = new JSch();
        jsch.setKnownHosts(words[2]);
        if (words[4].equals("key")) jsch.addIdentity(words[5]);
        Session session = jsch.getSession(words[3], "127.0.0.1", Integer.parseInt(words[0]));
        if (words[4].equals("password")) session.setPassword(words[5]);
        session.setConfig("StrictHostKeyChecking", "yes");
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
