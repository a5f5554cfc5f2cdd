import java.nio.ByteBuffer;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;

/** Answers every connection on the listener that it was started with on descriptor 0: "PID java". */
class Inherited {
    public static void main(String[] args) throws Exception {
        ServerSocketChannel listener = (ServerSocketChannel) System.inheritedChannel();
        while (true) {
            try (SocketChannel connection = listener.accept()) {
                connection.read(ByteBuffer.allocate(1024));
                connection.write(ByteBuffer.wrap((ProcessHandle.current().pid() + " java\n").getBytes()));
            }
        }
    }
}
