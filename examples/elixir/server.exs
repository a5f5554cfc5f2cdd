# SPDX-License-Identifier: MIT-0
#
#     systemfd -s http::3000 -- elixir server.exs
#     ls *.exs | systemfd -s http::3000 -- entr -nr systemfd -- elixir server.exs

# Erlang listens again, by default with a queue of 5.
{:ok, listener} = :gen_tcp.listen(0, fd: 3, active: false, backlog: 4096)

Stream.repeatedly(fn ->
  {:ok, client} = :gen_tcp.accept(listener)
  :gen_tcp.recv(client, 0)
  :gen_tcp.send(client, "HTTP/1.0 200 OK\r\n\r\nHello from process #{System.pid()}\n")
  :gen_tcp.close(client)
end)
|> Stream.run()
