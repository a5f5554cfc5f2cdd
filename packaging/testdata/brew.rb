# ruby brew.rb FORMULA SOURCE PREFIX: does what `brew install` and `brew test` do with this formula, from the
# directory SOURCE into PREFIX. Homebrew itself needs a machine of its own. The parts that the formula uses behave as
# documented.
require "fileutils"
require "minitest/assertions"
require "pathname"
require "tmpdir"

class Pathname
  # Moves files into this folder, under another name where a hash says so.
  def install(source)
    source = { source => File.basename(source) } unless source.is_a?(Hash)
    mkpath
    source.each { |from, name| FileUtils.mv(from, self/name) }
  end
end

# What Homebrew has besides formulae.
module Utils
  def self.git_head
    `git rev-parse HEAD`.chomp
  end
end

class Formula
  include Minitest::Assertions

  attr_accessor :assertions
  attr_reader :prefix, :testpath

  class << self
    attr_reader :declared, :test_block

    %i[desc homepage license url head].each do |name|
      define_method(name) { |value, **options| (@declared ||= {}).update(options).update(name => value) }
    end

    def depends_on(*); end

    def test(&block)
      @test_block = block
    end
  end

  def initialize(prefix, testpath)
    @prefix = Pathname(prefix)
    @testpath = Pathname(testpath)
    @assertions = 0
  end

  # The version is the tag; without one, what is built is the newest commit.
  def version
    self.class.declared.fetch(:tag, "vHEAD-1234567").delete_prefix("v")
  end

  { bin: "bin", share: "share", man1: "share/man/man1", bash_completion: "etc/bash_completion.d",
    zsh_completion: "share/zsh/site-functions", fish_completion: "share/fish/vendor_completions.d",
    pwsh_completion: "share/pwsh/completions" }.each do |name, folder|
    define_method(name) { prefix/folder }
  end

  def std_go_args(ldflags:)
    ["-trimpath", "-o=#{bin/"systemfd"}", "-ldflags=#{ldflags}"]
  end

  def system(*command)
    Kernel.system(*command.map(&:to_s), exception: true)
  end

  def shell_output(command)
    output = `#{command}`
    assert_predicate $CHILD_STATUS, :success?, command
    output
  end
end

require "English"
load ARGV[0]
declared = Systemfd.declared
desc = declared[:desc]
abort "audit: desc #{desc}" if desc.size > 80 || desc.match?(/\A(an?|the|systemfd)\b|\.\z/i)
abort "audit: #{declared}" if declared[:license] != "Apache-2.0" || declared.key?(:url) != declared.key?(:revision)

Dir.mktmpdir do |testpath|
  formula = Systemfd.new(ARGV[2], testpath)
  Dir.chdir(ARGV[1]) { formula.install }
  Dir.chdir(testpath) { formula.instance_eval(&Systemfd.test_block) }
  puts "#{formula.version}: #{formula.assertions} assertions"
end
