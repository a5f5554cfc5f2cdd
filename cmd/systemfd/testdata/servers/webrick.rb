# Answers "PID" on the socket that is passed as descriptor 3.
require 'socket'
require 'webrick'

server = WEBrick::HTTPServer.new(DoNotListen: true)
server.listeners << TCPServer.for_fd(3)
server.mount_proc('/') { |_, response| response.body = Process.pid.to_s }
trap('TERM') { server.shutdown }
server.start
