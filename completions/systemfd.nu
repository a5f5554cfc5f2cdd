# Completion of systemfd(1) for nushell. go generate makes it of the flags.

# the forms of the command line: the spellings of each flag, the words beside which it makes no sense, and what completes its value
const systemfd_forms = {
    "": {
        args: ""
        many: false
        flags: [
            {names: ["-s" "--socket"], unless: [], kind: "spec", help: "open a socket; repeatable, in descriptor order"}
            {names: ["-u" "--unit"], unless: [], kind: "unit", help: "open the sockets of a systemd .socket unit; repeatable"}
            {names: ["--map"], unless: [], kind: "map", help: "bind TO where a unit says FROM (a port, an address or a path); - leaves it out"}
            {names: ["-b" "--backlog"], unless: ["-b" "--backlog"], kind: "none", help: "listen queue [4096 connections, capped by the system]"}
            {names: ["--no-reuse"], unless: ["--no-reuse"], kind: "", help: "do not set SO_REUSEADDR on TCP sockets"}
            {names: ["--reuse-port"], unless: ["--reuse-port"], kind: "", help: "set SO_REUSEPORT on TCP and UDP sockets"}
            {names: ["--mode"], unless: ["--mode"], kind: "mode", help: "permission bits of unix sockets [0666 less the umask]"}
            {names: ["--append"], unless: ["--append"], kind: "", help: "add the sockets to inherited ones, or those kept open"}
            {names: ["--only"], unless: [], kind: "socket", help: "pass only the sockets of that name; repeatable, in that order"}
            {names: ["--pid"], unless: ["--pid" "--no-pid"], kind: "", help: "set LISTEN_PID"}
            {names: ["--no-pid"], unless: ["--pid" "--no-pid"], kind: "", help: "no LISTEN_PID"}
            {names: ["--nonblock"], unless: ["--nonblock"], kind: "", help: "pass the descriptors with O_NONBLOCK set"}
            {names: ["--hold"], unless: ["--hold"], kind: "", help: "keep the sockets in a holder too, for as long as COMMAND lives"}
            {names: ["--lazy"], unless: ["--lazy"], kind: "", help: "wait for the first client, then become COMMAND"}
            {names: ["--accept"], unless: ["--accept"], kind: "", help: "stay, and start COMMAND once per connection"}
            {names: ["--proxy"], unless: ["--proxy"], kind: "", help: "stay in front of COMMAND, which takes no socket, and serves at the port that {port} in its arguments and PORT say"}
            {names: ["--inetd"], unless: ["--inetd"], kind: "", help: "with --accept, the connection on stdin and stdout; without, the first socket on stdin"}
            {names: ["--info-file"], unless: ["--info-file"], kind: "file", help: "write the sockets as JSON once bound; - is stdout"}
            {names: ["-q" "--quiet"], unless: ["-q" "--quiet"], kind: "", help: "print only errors"}
            {names: ["--color"], unless: ["--color"], kind: "color", help: "colour on stderr: auto, always or never [auto]"}
            {names: ["-h" "--help"], unless: ["-h" "--help"], kind: "", help: "print this help"}
            {names: ["-V" "--version"], unless: ["-V" "--version"], kind: "", help: "print the version"}
        ]
    }
    "env": {
        args: ""
        many: false
        flags: [
            {names: ["-s" "--socket"], unless: [], kind: "spec", help: "open a socket; repeatable, in descriptor order"}
            {names: ["-u" "--unit"], unless: [], kind: "unit", help: "open the sockets of a systemd .socket unit; repeatable"}
            {names: ["--map"], unless: [], kind: "map", help: "bind TO where a unit says FROM (a port, an address or a path); - leaves it out"}
            {names: ["-b" "--backlog"], unless: ["-b" "--backlog"], kind: "none", help: "listen queue [4096 connections, capped by the system]"}
            {names: ["--no-reuse"], unless: ["--no-reuse"], kind: "", help: "do not set SO_REUSEADDR on TCP sockets"}
            {names: ["--reuse-port"], unless: ["--reuse-port"], kind: "", help: "set SO_REUSEPORT on TCP and UDP sockets"}
            {names: ["--mode"], unless: ["--mode"], kind: "mode", help: "permission bits of unix sockets [0666 less the umask]"}
            {names: ["--shell"], unless: ["--shell"], kind: "shell", help: "for which shell: sh (bash, dash, ksh, zsh), fish, csh (tcsh), powershell (pwsh), cmd, xonsh, elvish; or dotenv, for an env file [sh; on Windows: this shell]"}
            {names: ["--json"], unless: ["--json"], kind: "", help: "print the variables as a JSON object; null is to be unset"}
            {names: ["--unset"], unless: ["--unset"], kind: "", help: "take it all back, and close the sockets"}
            {names: ["--no-listen"], unless: ["--no-listen"], kind: "", help: "leave LISTEN_* out: for shells in which podman is used"}
            {names: ["--owner"], unless: ["--owner"], kind: "pid", help: "the process that the sockets are kept for [this shell]"}
            {names: ["--name"], unless: ["--name"], kind: "name", help: "share a holder of this name [that of this directory]"}
            {names: ["-q" "--quiet"], unless: ["-q" "--quiet"], kind: "", help: "print only errors"}
            {names: ["-h" "--help"], unless: ["-h" "--help"], kind: "", help: "print this help"}
        ]
    }
    "status": {
        args: ""
        many: false
        flags: [
            {names: ["--json"], unless: ["--json"], kind: "", help: "print the same as JSON"}
            {names: ["-h" "--help"], unless: ["-h" "--help"], kind: "", help: "print this help"}
        ]
    }
    "stop": {
        args: "holder"
        many: true
        flags: [
            {names: ["--all"], unless: ["--all"], kind: "", help: "close everything that is kept open for you"}
            {names: ["-h" "--help"], unless: ["-h" "--help"], kind: "", help: "print this help"}
        ]
    }
    "url": {
        args: "socket"
        many: false
        flags: [
            {names: ["-h" "--help"], unless: ["-h" "--help"], kind: "", help: "print this help"}
        ]
    }
    "port": {
        args: "socket"
        many: false
        flags: [
            {names: ["-h" "--help"], unless: ["-h" "--help"], kind: "", help: "print this help"}
        ]
    }
    "inspect": {
        args: ""
        many: false
        flags: [
            {names: ["--json"], unless: ["--json"], kind: "", help: "print the same as JSON"}
            {names: ["-h" "--help"], unless: ["-h" "--help"], kind: "", help: "print this help"}
        ]
    }
    "completion": {
        args: "completion"
        many: false
        flags: [
            {names: ["-h" "--help"], unless: ["-h" "--help"], kind: "", help: "print this help"}
        ]
    }
    "help": {
        args: "form"
        many: false
        flags: [
            {names: ["-h" "--help"], unless: ["-h" "--help"], kind: "", help: "print this help"}
        ]
    }
    "version": {
        args: ""
        many: false
        flags: [
            {names: ["-h" "--help"], unless: ["-h" "--help"], kind: "", help: "print this help"}
        ]
    }
}

const systemfd_subcommands = [
    {value: "env", description: "keep sockets open for this shell, between runs"}
    {value: "status", description: "what is kept, and for whom"}
    {value: "stop", description: "close it"}
    {value: "url", description: "print the URL of a socket"}
    {value: "port", description: "print the port of a socket"}
    {value: "inspect", description: "what this process was given"}
    {value: "completion", description: "print the completion script for a shell"}
    {value: "help", description: "print this help, or that of a form"}
    {value: "version", description: "print the version"}
]

const systemfd_values = {
    color: [
        {value: "auto", description: "if stderr is a terminal"}
        {value: "always", description: "also into a file or a pipe"}
        {value: "never", description: "plain text"}
    ]
    completion: [
        {value: "bash", description: "the script for bash"}
        {value: "fish", description: "the script for fish"}
        {value: "nushell", description: "the script for nushell"}
        {value: "powershell", description: "the script for powershell"}
        {value: "zsh", description: "the script for zsh"}
    ]
    form: [
        {value: "env", description: "keep sockets open for this shell, between runs"}
        {value: "status", description: "what is kept, and for whom"}
        {value: "stop", description: "close it"}
        {value: "url", description: "print the URL of a socket"}
        {value: "port", description: "print the port of a socket"}
        {value: "inspect", description: "what this process was given"}
        {value: "completion", description: "print the completion script for a shell"}
        {value: "help", description: "print this help, or that of a form"}
        {value: "version", description: "print the version"}
    ]
    mode: [
        {value: "0600", description: "only you"}
        {value: "0660", description: "you and the group"}
        {value: "0666", description: "everybody"}
    ]
    shell: [
        {value: "bash", description: "code for bash"}
        {value: "cmd", description: "code for cmd"}
        {value: "csh", description: "code for csh"}
        {value: "dash", description: "code for dash"}
        {value: "dotenv", description: "lines for an env file"}
        {value: "elvish", description: "code for elvish"}
        {value: "fish", description: "code for fish"}
        {value: "ksh", description: "code for ksh"}
        {value: "powershell", description: "code for powershell"}
        {value: "pwsh", description: "code for pwsh"}
        {value: "sh", description: "code for sh"}
        {value: "tcsh", description: "code for tcsh"}
        {value: "xonsh", description: "code for xonsh"}
        {value: "zsh", description: "code for zsh"}
    ]
    type: [
        {value: "tcp::", description: "tcp listener"}
        {value: "http::", description: "tcp listener"}
        {value: "https::", description: "tcp listener"}
        {value: "udp::", description: "udp"}
        {value: "unix::", description: "unix listener"}
        {value: "unix-dgram::", description: "unix datagram"}
        {value: "unix-seqpacket::", description: "unix seqpacket listener"}
    ]
}

# It says nothing of the arguments, so that all of them reach the program as they are.
@complete "nu-complete systemfd"
extern systemfd []

# spans are the words up to the cursor.
def "nu-complete systemfd" [spans: list<string>] {
    let words = $spans | skip 1 | drop 1
    let word = $spans | last
    let form = if ($words.0? | default "") in $systemfd_subcommands.value { $words.0 } else { "" }
    let dashes = $words | enumerate | where item == "--" | get index.0?
    if $form == "" and $dashes != null and "--proxy" in ($words | first $dashes) and ($word | str starts-with "{") {
        return [{value: "{port}", description: "the private port"}]
    }
    if $form == "" and $dashes != null {
        return (nu-complete systemfd command ($spans | skip ($dashes + 2)))
    }
    let grammar = $systemfd_forms | get $form
    let given = nu-complete systemfd given $grammar ($words | skip (if $form == "" { 0 } else { 1 }))
    let candidates = if $given.kind != "" {
        nu-complete systemfd value $given.kind "" $word $words
    } else if $word =~ '^--[^=]+=' {
        let name = $word | split row "=" | first
        nu-complete systemfd value (nu-complete systemfd kind $grammar $name) $"($name)=" ($word | str replace $"($name)=" "") $words
    } else if ($word | str starts-with "-") or ($form != "" and $grammar.args == "") {
        $grammar.flags
        | where {|flag| not ($flag.unless | any { $in in $given.flags }) }
        | each {|flag| $flag.names | each { {value: $in, description: $flag.help} } }
        | flatten
    } else if $grammar.args != "" and ($grammar.many or $given.arguments == 0) {
        nu-complete systemfd value $grammar.args "" $word $words
    } else if ($words | is-empty) {
        $systemfd_subcommands
    } else {
        []
    }
    let dashes = if $form == "" and $given.kind == "" { [{value: "--", description: "COMMAND comes behind it"}] } else { [] }
    $candidates | append $dashes | where { $in.value | str starts-with $word } | update value {
        if $in =~ '[\s`"\x27$;|()\[\]{}]' { to nuon } else { }
    }
}

# which flags are given, how many arguments, and the kind of value that is due
def "nu-complete systemfd given" [grammar: record, words: list<string>] {
    $words | reduce --fold {flags: [], arguments: 0, kind: ""} {|word, given|
        if $given.kind != "" {
            $given | update kind ""
        } else if ($word | str starts-with "--") and $word =~ "=" {
            $given | update flags { append ($word | split row "=" | first) }
        } else if ($word | str starts-with "-") {
            $given | update flags { append $word } | update kind (nu-complete systemfd kind $grammar $word)
        } else {
            $given | update arguments { $in + 1 }
        }
    }
}

# the kind of a flag's value, "" where it takes none
def "nu-complete systemfd kind" [grammar: record, name: string] {
    $grammar.flags | where { $name in $in.names } | get kind.0? | default ""
}

# the values of a kind that text begins, behind before
def "nu-complete systemfd value" [kind: string, before: string, text: string, words: list<string>] {
    match $kind {
        "spec" => { nu-complete systemfd spec $before $text }
        "unit" => { nu-complete systemfd files $before $text "*.socket" }
        "file" => { nu-complete systemfd files $before $text "*" }
        "map" => {
            let from = $text | parse --regex '^(?<from>[^=]*=)' | get from.0? | default ""
            if $from == "" { nu-complete systemfd ask map $before $words } else { nu-complete systemfd files $"($before)($from)" ($text | str replace $from "") "*" }
        }
        "holder" | "name" | "pid" | "socket" => { nu-complete systemfd ask $kind $before $words }
        _ => { $systemfd_values | get -o $kind | default [] | update value { $"($before)($in)" } }
    }
}

# what only the program knows of a kind, behind before
def "nu-complete systemfd ask" [kind: string, before: string, words: list<string>] {
    ^systemfd completion --for $kind ...($words | str trim --char "'" | str trim --char '"') | complete | get stdout | lines
    | each { split row "\t" | {value: $"($before)($in.0)", description: $in.1} }
}

# [NAME=][TYPE::]VALUE
def "nu-complete systemfd spec" [before: string, text: string] {
    let spec = $text | parse --regex '^(?<name>[^:/@=]+=)?(?<type>[^:/]*::)?(?<value>.*)$' | first | default "" name type
    let before = $"($before)($spec.name)"
    if ($spec.type | str starts-with "unix") {
        nu-complete systemfd files $"($before)($spec.type)" $spec.value "*"
    } else if $spec.value =~ '^[./~]' {
        nu-complete systemfd files $before $spec.value "*"
    } else if $spec.type == "" {
        nu-complete systemfd value type $before "" []
    } else {
        []
    }
}

# files that path begins, behind before, as pattern says, and folders
def "nu-complete systemfd files" [before: string, path: string, pattern: string] {
    let folder = $path | str replace --regex '[^/]*$' ""
    let entries = try { ls -a ($folder | default --empty "." | path expand) } catch { [] }
    let wanted = glob --no-dir $"($folder | default --empty '.' | path expand)/($pattern)"
    $entries
    | where { $in.type == dir or $in.name in $wanted }
    | each { {value: $"($before)($folder)($in.name | path basename)(if $in.type == dir { '/' })"} }
}

# what the command completes itself: the name of a program, or a file; and by the external completer, if there is one
def "nu-complete systemfd command" [spans: list<string>] {
    let completer = $env.config?.completions?.external?.completer?
    let word = $spans | last
    if ($spans | length) == 1 and $word =~ '[/~]' {
        nu-complete systemfd files "" $word "*" | where { $in.value | str starts-with $word }
    } else if ($spans | length) == 1 {
        $env.PATH | where { path exists } | each { ls --short-names $in | where type in [file symlink] | get name } | flatten
        | append (scope commands | where type == external | get name)
        | uniq | where { str starts-with $word } | each { {value: $in} }
    } else if ($spans.0 | path basename) == "systemfd" {
        nu-complete systemfd $spans
    } else if $completer != null {
        try { do $completer $spans }
    }
}
