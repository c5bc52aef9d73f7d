// JSch 0.1.55, which Mirth, Camel and Mule had for years. The words of the command line are done in one session.
import com.jcraft.jsch.ChannelSftp;
import com.jcraft.jsch.JSch;
import com.jcraft.jsch.Session;
import com.jcraft.jsch.SftpException;
import java.io.File;
import java.util.Arrays;
import java.util.Iterator;

public class JSchClient {
    static ChannelSftp sftp;

    static void many(File folder, String remote) throws SftpException {
        for (File file : folder.listFiles(File::isFile)) sftp.put(file.getPath(), remote + file.getName());
    }

    static void tree(File folder, String remote) throws SftpException {
        try {
            sftp.stat(remote);
        } catch (SftpException error) {
            if (error.id != ChannelSftp.SSH_FX_NO_SUCH_FILE) throw error;
            sftp.mkdir(remote);
        }
        many(folder, remote + "/");
        for (File inner : folder.listFiles(File::isDirectory)) tree(inner, remote + "/" + inner.getName());
    }

    static Session connect() throws Exception {
        JSch jsch = new JSch();
        String key = System.getenv("GATE_KEY");
        if (!key.isEmpty()) jsch.addIdentity(key);
        Session session = jsch.getSession(
            System.getenv("GATE_USER"), System.getenv("GATE_HOST"), Integer.parseInt(System.getenv("GATE_PORT")));
        session.setPassword(System.getenv("GATE_PASSWORD"));
        session.setConfig("StrictHostKeyChecking", "no");
        session.connect();
        return session;
    }

    public static void main(String[] arguments) throws Exception {
        Session session = connect();
        try {
            sftp = (ChannelSftp) session.openChannel("sftp");
            sftp.connect();
            deliver(Arrays.asList(arguments).iterator());
        } finally {
            session.disconnect();
        }
    }

    static void deliver(Iterator<String> words) throws Exception {
        while (words.hasNext()) {
            switch (words.next()) {
                case "put" -> sftp.put(words.next(), words.next());
                case "many" -> many(new File(words.next()), "");
                case "tree" -> {
                    File folder = new File(words.next());
                    tree(folder, folder.getName());
                }
                case "deliver" -> {
                    String local = words.next(), temporary = words.next();
                    sftp.put(local, temporary);
                    sftp.rename(temporary, words.next());
                }
                case "resume" -> sftp.put(words.next(), words.next(), ChannelSftp.RESUME);
                case "check" -> {
                    File local = new File(words.next());
                    String remote = words.next();
                    if (sftp.stat(remote).getSize() != local.length()) throw new Exception(remote + ": another size");
                }
                default -> throw new Exception("no such word");
            }
        }
    }
}
