# Completion of systemfd(1) for fish. go generate makes it of the flags.

# the words before the one at the cursor, without systemfd itself
function __systemfd_words
    set -l words (commandline -opc)
    string join \n -- $words[2..-1]
end

# succeeds before "--", in the form FORM of the command line; "" is the main one
function __systemfd_in -a form
    set -l words (__systemfd_words)
    contains -- -- $words; and return 1
    if contains -- "$words[1]" env status stop url port inspect completion help version
        test "$words[1]" = "$form"
    else
        test -z "$form"
    end
end

# succeeds in FORM if none of WORDS is given, beside which a flag makes no sense
function __systemfd_new -a form
    __systemfd_in "$form"; or return
    for word in (__systemfd_words)
        contains -- (string replace -r '=.*' '' -- $word) $argv[2..-1]; and return 1
    end
    return 0
end

# succeeds where the value of a flag is due, one of NAMES
function __systemfd_due
    contains -- "$(__systemfd_words)[-1]" $argv
end

# succeeds behind "--"
function __systemfd_command
    contains -- -- (__systemfd_words)
end

# succeeds behind --proxy, if a brace is typed: the private port
function __systemfd_proxy
    contains -- --proxy (__systemfd_words); and string match -q '{*' -- (commandline -ct)
end

# what the command completes itself
function __systemfd_of_command
    set -l words (__systemfd_words)
    set -l command $words[(math 1 + (contains -i -- -- $words))..-1]
    complete -C (string join ' ' -- (string escape -- $command) (commandline -ct))
end

# files that PATH begins, behind BEFORE, as PATTERN, and folders
function __systemfd_files -a before path pattern
    for line in (complete -C "'' $path")
        set -l file (string split -f 1 \t -- $line)
        if string match -q -- '*/' $file; or string match -q -- "$pattern" $file
            string join '' -- $before $file
        end
    end
end

# [NAME=][TYPE::]VALUE; fish itself knows of --socket=
function __systemfd_spec
    set -l text (string replace -r '^(--socket=|-s)' '' -- (commandline -ct))
    set -l before (string match -r '^[^:/@=]+=' -- $text)
    set -l value (string replace -r '^[^:/@=]+=' '' -- $text)
    if set -l type (string match -r '^unix[^:]*::' -- $value)
        __systemfd_files "$before$type" (string replace -- $type '' $value) '*'
    else if string match -qr '^[./~]' -- $value
        __systemfd_files "$before" $value '*'
    else if not string match -q '*::*' -- $value
        string join \n -- "$before"(__systemfd_type)
    end
end

# FROM=TO
function __systemfd_map
    set -l text (string replace -r '^--map=' '' -- (commandline -ct))
    if set -l from (string match -r '^[^=]+=' -- $text)
        __systemfd_files $from (string replace -- $from '' $text) '*'
    else
        __systemfd_ask map
    end
end

function __systemfd_unit
    __systemfd_files '' (string replace -r '^(--unit=|-u)' '' -- (commandline -ct)) '*.socket'
end

# what only the program knows of a kind
function __systemfd_ask -a kind
    command systemfd completion --for $kind (__systemfd_words) 2>/dev/null
end

function __systemfd_pid
    __systemfd_ask pid
end

function __systemfd_name
    __systemfd_ask name
end

function __systemfd_socket
    __systemfd_ask socket
end

function __systemfd_holder
    __systemfd_ask holder
end

# the flags, if nothing is typed of the word
function __systemfd_flags
    test -z (commandline -ct); and complete -C (commandline -cp)-
end

function __systemfd_color
    printf '%s\t%s\n' 'auto' 'if stderr is a terminal' 'always' 'also into a file or a pipe' 'never' 'plain text'
end

function __systemfd_completion
    printf '%s\t%s\n' 'bash' 'the script for bash' 'fish' 'the script for fish' 'nushell' 'the script for nushell' 'powershell' 'the script for powershell' 'zsh' 'the script for zsh'
end

function __systemfd_form
    printf '%s\t%s\n' 'env' 'keep sockets open for this shell, between runs' 'status' 'what is kept, and for whom' 'stop' 'close it' 'url' 'print the URL of a socket' 'port' 'print the port of a socket' 'inspect' 'what this process was given' 'completion' 'print the completion script for a shell' 'help' 'print this help, or that of a form' 'version' 'print the version'
end

function __systemfd_mode
    printf '%s\t%s\n' '0600' 'only you' '0660' 'you and the group' '0666' 'everybody'
end

function __systemfd_shell
    printf '%s\t%s\n' 'bash' 'code for bash' 'cmd' 'code for cmd' 'csh' 'code for csh' 'dash' 'code for dash' 'dotenv' 'lines for an env file' 'elvish' 'code for elvish' 'fish' 'code for fish' 'ksh' 'code for ksh' 'powershell' 'code for powershell' 'pwsh' 'code for pwsh' 'sh' 'code for sh' 'tcsh' 'code for tcsh' 'xonsh' 'code for xonsh' 'zsh' 'code for zsh'
end

function __systemfd_type
    printf '%s\t%s\n' 'tcp::' 'tcp listener' 'http::' 'tcp listener' 'https::' 'tcp listener' 'udp::' 'udp' 'unix::' 'unix listener' 'unix-dgram::' 'unix datagram' 'unix-seqpacket::' 'unix seqpacket listener'
end

complete -c systemfd -e
complete -c systemfd -f
complete -c systemfd -n __systemfd_command -a '(__systemfd_of_command)'
complete -c systemfd -n '__systemfd_command; and __systemfd_proxy' -a "'{port}'" -d 'the private port'
complete -c systemfd -n "__systemfd_in ''" -a -- -d 'COMMAND comes behind it'
complete -c systemfd -n 'test (count (__systemfd_words)) -eq 0' -a env -d 'keep sockets open for this shell, between runs'
complete -c systemfd -n 'test (count (__systemfd_words)) -eq 0' -a status -d 'what is kept, and for whom'
complete -c systemfd -n 'test (count (__systemfd_words)) -eq 0' -a stop -d 'close it'
complete -c systemfd -n 'test (count (__systemfd_words)) -eq 0' -a url -d 'print the URL of a socket'
complete -c systemfd -n 'test (count (__systemfd_words)) -eq 0' -a port -d 'print the port of a socket'
complete -c systemfd -n 'test (count (__systemfd_words)) -eq 0' -a inspect -d 'what this process was given'
complete -c systemfd -n 'test (count (__systemfd_words)) -eq 0' -a completion -d 'print the completion script for a shell'
complete -c systemfd -n 'test (count (__systemfd_words)) -eq 0' -a help -d 'print this help, or that of a form'
complete -c systemfd -n 'test (count (__systemfd_words)) -eq 0' -a version -d 'print the version'

# the main form
complete -c systemfd -n "__systemfd_new ''" -s s -l socket -d 'open a socket; repeatable, in descriptor order' -x -a '(__systemfd_spec)'
complete -c systemfd -n "__systemfd_new ''" -s u -l unit -d 'open the sockets of a systemd .socket unit; repeatable' -x -a '(__systemfd_unit)'
complete -c systemfd -n "__systemfd_new ''" -l map -d 'bind TO where a unit says FROM (a port, an address or a path); - leaves it out' -x -a '(__systemfd_map)'
complete -c systemfd -n "__systemfd_due -b --backlog; or __systemfd_new '' -b --backlog" -s b -l backlog -d 'listen queue [4096 connections, capped by the system]' -x
complete -c systemfd -n "__systemfd_new '' --no-reuse" -l no-reuse -d 'do not set SO_REUSEADDR on TCP sockets'
complete -c systemfd -n "__systemfd_new '' --reuse-port" -l reuse-port -d 'set SO_REUSEPORT on TCP and UDP sockets'
complete -c systemfd -n "__systemfd_due --mode; or __systemfd_new '' --mode" -l mode -d 'permission bits of unix sockets [0666 less the umask]' -x -a '(__systemfd_mode)'
complete -c systemfd -n "__systemfd_new '' --append" -l append -d 'add the sockets to inherited ones, or those kept open'
complete -c systemfd -n "__systemfd_new ''" -l only -d 'pass only the sockets of that name; repeatable, in that order' -x -a '(__systemfd_socket)'
complete -c systemfd -n "__systemfd_new '' --pid --no-pid" -l pid -d 'set LISTEN_PID'
complete -c systemfd -n "__systemfd_new '' --pid --no-pid" -l no-pid -d 'no LISTEN_PID'
complete -c systemfd -n "__systemfd_new '' --nonblock" -l nonblock -d 'pass the descriptors with O_NONBLOCK set'
complete -c systemfd -n "__systemfd_new '' --hold" -l hold -d 'keep the sockets in a holder too, for as long as COMMAND lives'
complete -c systemfd -n "__systemfd_new '' --lazy" -l lazy -d 'wait for the first client, then become COMMAND'
complete -c systemfd -n "__systemfd_new '' --accept" -l accept -d 'stay, and start COMMAND once per connection'
complete -c systemfd -n "__systemfd_new '' --proxy" -l proxy -d 'stay in front of COMMAND, which takes no socket, and serves at the port that {port} in its arguments and PORT say'
complete -c systemfd -n "__systemfd_new '' --inetd" -l inetd -d 'with --accept, the connection on stdin and stdout; without, the first socket on stdin'
complete -c systemfd -n "__systemfd_due --info-file; or __systemfd_new '' --info-file" -l info-file -d 'write the sockets as JSON once bound; - is stdout' -r -F
complete -c systemfd -n "__systemfd_new '' -q --quiet" -s q -l quiet -d 'print only errors'
complete -c systemfd -n "__systemfd_due --color; or __systemfd_new '' --color" -l color -d 'colour on stderr: auto, always or never [auto]' -x -a '(__systemfd_color)'
complete -c systemfd -n "__systemfd_new '' -h --help" -s h -l help -d 'print this help'
complete -c systemfd -n "__systemfd_new '' -V --version" -s V -l version -d 'print the version'

# systemfd env
complete -c systemfd -n "__systemfd_new 'env'" -s s -l socket -d 'open a socket; repeatable, in descriptor order' -x -a '(__systemfd_spec)'
complete -c systemfd -n "__systemfd_new 'env'" -s u -l unit -d 'open the sockets of a systemd .socket unit; repeatable' -x -a '(__systemfd_unit)'
complete -c systemfd -n "__systemfd_new 'env'" -l map -d 'bind TO where a unit says FROM (a port, an address or a path); - leaves it out' -x -a '(__systemfd_map)'
complete -c systemfd -n "__systemfd_due -b --backlog; or __systemfd_new 'env' -b --backlog" -s b -l backlog -d 'listen queue [4096 connections, capped by the system]' -x
complete -c systemfd -n "__systemfd_new 'env' --no-reuse" -l no-reuse -d 'do not set SO_REUSEADDR on TCP sockets'
complete -c systemfd -n "__systemfd_new 'env' --reuse-port" -l reuse-port -d 'set SO_REUSEPORT on TCP and UDP sockets'
complete -c systemfd -n "__systemfd_due --mode; or __systemfd_new 'env' --mode" -l mode -d 'permission bits of unix sockets [0666 less the umask]' -x -a '(__systemfd_mode)'
complete -c systemfd -n "__systemfd_due --shell; or __systemfd_new 'env' --shell" -l shell -d 'for which shell: sh (bash, dash, ksh, zsh), fish, csh (tcsh), powershell (pwsh), cmd, xonsh, elvish; or dotenv, for an env file [sh; on Windows: this shell]' -x -a '(__systemfd_shell)'
complete -c systemfd -n "__systemfd_new 'env' --json" -l json -d 'print the variables as a JSON object; null is to be unset'
complete -c systemfd -n "__systemfd_new 'env' --unset" -l unset -d 'take it all back, and close the sockets'
complete -c systemfd -n "__systemfd_new 'env' --no-listen" -l no-listen -d 'leave LISTEN_* out: for shells in which podman is used'
complete -c systemfd -n "__systemfd_due --owner; or __systemfd_new 'env' --owner" -l owner -d 'the process that the sockets are kept for [this shell]' -x -k -a '(__systemfd_pid)'
complete -c systemfd -n "__systemfd_due --name; or __systemfd_new 'env' --name" -l name -d 'share a holder of this name [that of this directory]' -x -a '(__systemfd_name)'
complete -c systemfd -n "__systemfd_new 'env' -q --quiet" -s q -l quiet -d 'print only errors'
complete -c systemfd -n "__systemfd_new 'env' -h --help" -s h -l help -d 'print this help'
complete -c systemfd -n '__systemfd_in env' -a '(__systemfd_flags)'

# systemfd status
complete -c systemfd -n "__systemfd_new 'status' --json" -l json -d 'print the same as JSON'
complete -c systemfd -n "__systemfd_new 'status' -h --help" -s h -l help -d 'print this help'
complete -c systemfd -n '__systemfd_in status' -a '(__systemfd_flags)'

# systemfd stop
complete -c systemfd -n "__systemfd_new 'stop' --all" -l all -d 'close everything that is kept open for you'
complete -c systemfd -n "__systemfd_new 'stop' -h --help" -s h -l help -d 'print this help'
complete -c systemfd -n '__systemfd_in stop' -a '(__systemfd_holder)'

# systemfd url
complete -c systemfd -n "__systemfd_new 'url' -h --help" -s h -l help -d 'print this help'
complete -c systemfd -n '__systemfd_in url; and test (count (__systemfd_words)) -eq 1' -a '(__systemfd_socket)'

# systemfd port
complete -c systemfd -n "__systemfd_new 'port' -h --help" -s h -l help -d 'print this help'
complete -c systemfd -n '__systemfd_in port; and test (count (__systemfd_words)) -eq 1' -a '(__systemfd_socket)'

# systemfd inspect
complete -c systemfd -n "__systemfd_new 'inspect' --json" -l json -d 'print the same as JSON'
complete -c systemfd -n "__systemfd_new 'inspect' -h --help" -s h -l help -d 'print this help'
complete -c systemfd -n '__systemfd_in inspect' -a '(__systemfd_flags)'

# systemfd completion
complete -c systemfd -n "__systemfd_new 'completion' -h --help" -s h -l help -d 'print this help'
complete -c systemfd -n '__systemfd_in completion; and test (count (__systemfd_words)) -eq 1' -a '(__systemfd_completion)'

# systemfd help
complete -c systemfd -n "__systemfd_new 'help' -h --help" -s h -l help -d 'print this help'
complete -c systemfd -n '__systemfd_in help; and test (count (__systemfd_words)) -eq 1' -a '(__systemfd_form)'

# systemfd version
complete -c systemfd -n "__systemfd_new 'version' -h --help" -s h -l help -d 'print this help'
complete -c systemfd -n '__systemfd_in version' -a '(__systemfd_flags)'
