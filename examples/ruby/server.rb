# SPDX-License-Identifier: MIT-0
#
#     systemfd -s http::3000 -- ruby server.rb
#     ls *.rb | systemfd -s http::3000 -- entr -nr systemfd -- ruby server.rb

require "socket"

Socket.accept_loop(TCPServer.for_fd(3)) do |client|
  client.readpartial(8192)
  client.write("HTTP/1.0 200 OK\r\n\r\nHello from process #{Process.pid}\n")
rescue EOFError, SystemCallError
  # the client is gone
ensure
  client.close
end
