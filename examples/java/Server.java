// SPDX-License-Identifier: MIT-0
//
//     systemfd --inetd -s http::3000 -- java Server.java
//     ls *.java | systemfd -s http::3000 -- entr -nr systemfd --inetd -- java Server.java

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.ServerSocketChannel;

class Server {
    public static void main(String[] args) throws IOException {
        var listener = (ServerSocketChannel) System.inheritedChannel();
        var answer = "HTTP/1.0 200 OK\r\n\r\nHello from process " + ProcessHandle.current().pid() + "\n";
        while (true) {
            var client = listener.accept();
            try (client) {
                client.read(ByteBuffer.allocate(8192));
                client.write(ByteBuffer.wrap(answer.getBytes()));
            } catch (IOException e) {
                // the client is gone
            }
        }
    }
}
