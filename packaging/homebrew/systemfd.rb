# The formula of systemfd/homebrew-tap. It cannot name its own commit. Each release adds url, tag and
# revision below the homepage (packaging/prepare.sh).
class Systemfd < Formula
  desc "Opens sockets and hands them to a program by systemd's activation protocol"
  homepage "https://github.com/systemfd/systemfd"
  license "Apache-2.0"
  head "https://github.com/systemfd/systemfd.git", branch: "main"

  depends_on "go" => :build

  def install
    ENV["CGO_ENABLED"] = "0"
    ldflags = "-s -w -X main.version=#{version} -X main.commit=#{Utils.git_head}"
    system "go", "build", *std_go_args(ldflags:), "./cmd/systemfd"
    man1.install "packaging/systemfd.1"
    bash_completion.install "completions/systemfd.bash" => "systemfd"
    zsh_completion.install "completions/_systemfd"
    fish_completion.install "completions/systemfd.fish"
    pwsh_completion.install "completions/systemfd.ps1" => "_systemfd.ps1"
    (share/"nushell/vendor/autoload").install "completions/systemfd.nu"
  end

  test do
    assert_match version.to_s, shell_output("#{bin}/systemfd --version")
    assert_match "127.0.0.1:", shell_output("#{bin}/systemfd -s http::0 -- #{bin}/systemfd inspect")

    # A server that finds the socket at descriptor 3, and a client that connected before the server accepted.
    (testpath/"server.rb").write <<~RUBY
      require "socket"
      abort "not for this process" if ENV["LISTEN_PID"] != Process.pid.to_s
      server = TCPServer.for_fd(3)
      client = server.local_address.connect
      server.accept.print "answered"
      print client.readpartial(16)
    RUBY
    assert_equal "answered", shell_output("#{bin}/systemfd -q -s http::0 -- #{RbConfig.ruby} server.rb")
  end
end
