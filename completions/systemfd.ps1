# Completion of systemfd(1) for PowerShell. go generate makes it of the flags.

Register-ArgumentCompleter -Native -CommandName 'systemfd', 'systemfd.exe' -ScriptBlock {
    param($wordToComplete, $commandAst, $cursorPosition)

    # the forms of the command line: the spellings of each flag, the words beside which it makes no sense, and what completes its value
    $forms = @{
        '' = @{
            Args = ''
            ManyArgs = $false
            Flags = @(
                @{ Names = @('-s', '--socket'); Unless = @(); Kind = 'spec'; Help = 'open a socket; repeatable, in descriptor order' }
                @{ Names = @('-u', '--unit'); Unless = @(); Kind = 'unit'; Help = 'open the sockets of a systemd .socket unit; repeatable' }
                @{ Names = @('--map'); Unless = @(); Kind = 'map'; Help = 'bind TO where a unit says FROM (a port, an address or a path); - leaves it out' }
                @{ Names = @('-b', '--backlog'); Unless = @('-b', '--backlog'); Kind = 'none'; Help = 'listen queue [4096 connections, capped by the system]' }
                @{ Names = @('--no-reuse'); Unless = @('--no-reuse'); Kind = ''; Help = 'do not set SO_REUSEADDR on TCP sockets' }
                @{ Names = @('--reuse-port'); Unless = @('--reuse-port'); Kind = ''; Help = 'set SO_REUSEPORT on TCP and UDP sockets' }
                @{ Names = @('--mode'); Unless = @('--mode'); Kind = 'mode'; Help = 'permission bits of unix sockets [0666 less the umask]' }
                @{ Names = @('--append'); Unless = @('--append'); Kind = ''; Help = 'add the sockets to inherited ones, or those kept open' }
                @{ Names = @('--only'); Unless = @(); Kind = 'socket'; Help = 'pass only the sockets of that name; repeatable, in that order' }
                @{ Names = @('--pid'); Unless = @('--pid', '--no-pid'); Kind = ''; Help = 'set LISTEN_PID' }
                @{ Names = @('--no-pid'); Unless = @('--pid', '--no-pid'); Kind = ''; Help = 'no LISTEN_PID' }
                @{ Names = @('--nonblock'); Unless = @('--nonblock'); Kind = ''; Help = 'pass the descriptors with O_NONBLOCK set' }
                @{ Names = @('--hold'); Unless = @('--hold'); Kind = ''; Help = 'keep the sockets in a holder too, for as long as COMMAND lives' }
                @{ Names = @('--lazy'); Unless = @('--lazy'); Kind = ''; Help = 'wait for the first client, then become COMMAND' }
                @{ Names = @('--accept'); Unless = @('--accept'); Kind = ''; Help = 'stay, and start COMMAND once per connection' }
                @{ Names = @('--proxy'); Unless = @('--proxy'); Kind = ''; Help = 'stay in front of COMMAND, which takes no socket, and serves at the port that {port} in its arguments and PORT say' }
                @{ Names = @('--inetd'); Unless = @('--inetd'); Kind = ''; Help = 'with --accept, the connection on stdin and stdout; without, the first socket on stdin' }
                @{ Names = @('--info-file'); Unless = @('--info-file'); Kind = 'file'; Help = 'write the sockets as JSON once bound; - is stdout' }
                @{ Names = @('-q', '--quiet'); Unless = @('-q', '--quiet'); Kind = ''; Help = 'print only errors' }
                @{ Names = @('--color'); Unless = @('--color'); Kind = 'color'; Help = 'colour on stderr: auto, always or never [auto]' }
                @{ Names = @('-h', '--help'); Unless = @('-h', '--help'); Kind = ''; Help = 'print this help' }
                @{ Names = @('-V', '--version'); Unless = @('-V', '--version'); Kind = ''; Help = 'print the version' }
            )
        }
        'env' = @{
            Args = ''
            ManyArgs = $false
            Flags = @(
                @{ Names = @('-s', '--socket'); Unless = @(); Kind = 'spec'; Help = 'open a socket; repeatable, in descriptor order' }
                @{ Names = @('-u', '--unit'); Unless = @(); Kind = 'unit'; Help = 'open the sockets of a systemd .socket unit; repeatable' }
                @{ Names = @('--map'); Unless = @(); Kind = 'map'; Help = 'bind TO where a unit says FROM (a port, an address or a path); - leaves it out' }
                @{ Names = @('-b', '--backlog'); Unless = @('-b', '--backlog'); Kind = 'none'; Help = 'listen queue [4096 connections, capped by the system]' }
                @{ Names = @('--no-reuse'); Unless = @('--no-reuse'); Kind = ''; Help = 'do not set SO_REUSEADDR on TCP sockets' }
                @{ Names = @('--reuse-port'); Unless = @('--reuse-port'); Kind = ''; Help = 'set SO_REUSEPORT on TCP and UDP sockets' }
                @{ Names = @('--mode'); Unless = @('--mode'); Kind = 'mode'; Help = 'permission bits of unix sockets [0666 less the umask]' }
                @{ Names = @('--shell'); Unless = @('--shell'); Kind = 'shell'; Help = 'for which shell: sh (bash, dash, ksh, zsh), fish, csh (tcsh), powershell (pwsh), cmd, xonsh, elvish; or dotenv, for an env file [sh; on Windows: this shell]' }
                @{ Names = @('--json'); Unless = @('--json'); Kind = ''; Help = 'print the variables as a JSON object; null is to be unset' }
                @{ Names = @('--unset'); Unless = @('--unset'); Kind = ''; Help = 'take it all back, and close the sockets' }
                @{ Names = @('--no-listen'); Unless = @('--no-listen'); Kind = ''; Help = 'leave LISTEN_* out: for shells in which podman is used' }
                @{ Names = @('--owner'); Unless = @('--owner'); Kind = 'pid'; Help = 'the process that the sockets are kept for [this shell]' }
                @{ Names = @('--name'); Unless = @('--name'); Kind = 'name'; Help = 'share a holder of this name [that of this directory]' }
                @{ Names = @('-q', '--quiet'); Unless = @('-q', '--quiet'); Kind = ''; Help = 'print only errors' }
                @{ Names = @('-h', '--help'); Unless = @('-h', '--help'); Kind = ''; Help = 'print this help' }
            )
        }
        'status' = @{
            Args = ''
            ManyArgs = $false
            Flags = @(
                @{ Names = @('--json'); Unless = @('--json'); Kind = ''; Help = 'print the same as JSON' }
                @{ Names = @('-h', '--help'); Unless = @('-h', '--help'); Kind = ''; Help = 'print this help' }
            )
        }
        'stop' = @{
            Args = 'holder'
            ManyArgs = $true
            Flags = @(
                @{ Names = @('--all'); Unless = @('--all'); Kind = ''; Help = 'close everything that is kept open for you' }
                @{ Names = @('-h', '--help'); Unless = @('-h', '--help'); Kind = ''; Help = 'print this help' }
            )
        }
        'url' = @{
            Args = 'socket'
            ManyArgs = $false
            Flags = @(
                @{ Names = @('-h', '--help'); Unless = @('-h', '--help'); Kind = ''; Help = 'print this help' }
            )
        }
        'port' = @{
            Args = 'socket'
            ManyArgs = $false
            Flags = @(
                @{ Names = @('-h', '--help'); Unless = @('-h', '--help'); Kind = ''; Help = 'print this help' }
            )
        }
        'inspect' = @{
            Args = ''
            ManyArgs = $false
            Flags = @(
                @{ Names = @('--json'); Unless = @('--json'); Kind = ''; Help = 'print the same as JSON' }
                @{ Names = @('-h', '--help'); Unless = @('-h', '--help'); Kind = ''; Help = 'print this help' }
            )
        }
        'completion' = @{
            Args = 'completion'
            ManyArgs = $false
            Flags = @(
                @{ Names = @('-h', '--help'); Unless = @('-h', '--help'); Kind = ''; Help = 'print this help' }
            )
        }
        'help' = @{
            Args = 'form'
            ManyArgs = $false
            Flags = @(
                @{ Names = @('-h', '--help'); Unless = @('-h', '--help'); Kind = ''; Help = 'print this help' }
            )
        }
        'version' = @{
            Args = ''
            ManyArgs = $false
            Flags = @(
                @{ Names = @('-h', '--help'); Unless = @('-h', '--help'); Kind = ''; Help = 'print this help' }
            )
        }
    }
    $subcommands = @(
        @{ Text = 'env'; Help = 'keep sockets open for this shell, between runs' }
        @{ Text = 'status'; Help = 'what is kept, and for whom' }
        @{ Text = 'stop'; Help = 'close it' }
        @{ Text = 'url'; Help = 'print the URL of a socket' }
        @{ Text = 'port'; Help = 'print the port of a socket' }
        @{ Text = 'inspect'; Help = 'what this process was given' }
        @{ Text = 'completion'; Help = 'print the completion script for a shell' }
        @{ Text = 'help'; Help = 'print this help, or that of a form' }
        @{ Text = 'version'; Help = 'print the version' }
    )
    $values = @{
        color = @(
            @{ Text = 'auto'; Help = 'if stderr is a terminal' }
            @{ Text = 'always'; Help = 'also into a file or a pipe' }
            @{ Text = 'never'; Help = 'plain text' }
        )
        completion = @(
            @{ Text = 'bash'; Help = 'the script for bash' }
            @{ Text = 'fish'; Help = 'the script for fish' }
            @{ Text = 'nushell'; Help = 'the script for nushell' }
            @{ Text = 'powershell'; Help = 'the script for powershell' }
            @{ Text = 'zsh'; Help = 'the script for zsh' }
        )
        form = @(
            @{ Text = 'env'; Help = 'keep sockets open for this shell, between runs' }
            @{ Text = 'status'; Help = 'what is kept, and for whom' }
            @{ Text = 'stop'; Help = 'close it' }
            @{ Text = 'url'; Help = 'print the URL of a socket' }
            @{ Text = 'port'; Help = 'print the port of a socket' }
            @{ Text = 'inspect'; Help = 'what this process was given' }
            @{ Text = 'completion'; Help = 'print the completion script for a shell' }
            @{ Text = 'help'; Help = 'print this help, or that of a form' }
            @{ Text = 'version'; Help = 'print the version' }
        )
        mode = @(
            @{ Text = '0600'; Help = 'only you' }
            @{ Text = '0660'; Help = 'you and the group' }
            @{ Text = '0666'; Help = 'everybody' }
        )
        shell = @(
            @{ Text = 'bash'; Help = 'code for bash' }
            @{ Text = 'cmd'; Help = 'code for cmd' }
            @{ Text = 'csh'; Help = 'code for csh' }
            @{ Text = 'dash'; Help = 'code for dash' }
            @{ Text = 'dotenv'; Help = 'lines for an env file' }
            @{ Text = 'elvish'; Help = 'code for elvish' }
            @{ Text = 'fish'; Help = 'code for fish' }
            @{ Text = 'ksh'; Help = 'code for ksh' }
            @{ Text = 'powershell'; Help = 'code for powershell' }
            @{ Text = 'pwsh'; Help = 'code for pwsh' }
            @{ Text = 'sh'; Help = 'code for sh' }
            @{ Text = 'tcsh'; Help = 'code for tcsh' }
            @{ Text = 'xonsh'; Help = 'code for xonsh' }
            @{ Text = 'zsh'; Help = 'code for zsh' }
        )
        type = @(
            @{ Text = 'tcp::'; Help = 'tcp listener' }
            @{ Text = 'http::'; Help = 'tcp listener' }
            @{ Text = 'https::'; Help = 'tcp listener' }
            @{ Text = 'udp::'; Help = 'udp' }
            @{ Text = 'unix::'; Help = 'unix listener' }
            @{ Text = 'unix-dgram::'; Help = 'unix datagram' }
            @{ Text = 'unix-seqpacket::'; Help = 'unix seqpacket listener' }
        )
    }

    # a candidate, where it goes on from the word
    function Add-Candidate($text, $help) {
        if ($text.StartsWith($wordToComplete, [StringComparison]::OrdinalIgnoreCase)) {
            if (-not $help) { $help = $text }
            $typed = if ($text -match '[\s''"`$;|&(){}]') { "'" + $text.Replace("'", "''") + "'" } else { $text }
            [System.Management.Automation.CompletionResult]::new($typed, $text, 'ParameterValue', $help)
        }
    }

    # files that $path begins, behind $before: those that $filter means, and folders
    function Add-File($before, $path, $filter) {
        $folder = $path -replace '[^/\\]*$', ''
        Get-ChildItem -Path "$path*" -ErrorAction SilentlyContinue |
            Where-Object { $_.PSIsContainer -or $_.Name -like $filter } |
            ForEach-Object { Add-Candidate ($before + $folder + $_.Name) $_.FullName }
    }

    # [NAME=][TYPE::]VALUE
    function Add-Spec($before, $text) {
        if ($text -match '^[^:/@=]+=') {
            $before += $Matches[0]
            $text = $text.Substring($Matches[0].Length)
        }
        if ($text -match '^unix[^:]*::') {
            Add-File ($before + $Matches[0]) $text.Substring($Matches[0].Length) '*'
        } elseif ($text -match '^[./~]') {
            Add-File $before $text '*'
        } elseif ($text -notmatch '::') {
            Add-Value 'type' $before $text
        }
    }

    # what only the program knows of a kind, behind $before
    function Add-Asked($kind, $before) {
        $typed = @($words | ForEach-Object { $_.Trim('''"') })
        systemfd completion --for $kind @typed 2>$null | ForEach-Object {
            $text, $help = $_ -split "`t", 2
            Add-Candidate ($before + $text) $help
        }
    }

    # the values of a kind that $text begins, behind $before
    function Add-Value($kind, $before, $text) {
        switch -CaseSensitive ($kind) {
            'spec' { Add-Spec $before $text }
            'unit' { Add-File $before $text '*.socket' }
            'file' { Add-File $before $text '*' }
            'map' { if ($text -match '^([^=]*=)(.*)$') { Add-File ($before + $Matches[1]) $Matches[2] '*' } else { Add-Asked $kind $before } }
            { $_ -in 'holder', 'name', 'pid', 'socket' } { Add-Asked $kind $before }
            default { $values[$kind] | Where-Object { $_ } | ForEach-Object { Add-Candidate ($before + $_.Text) $_.Help } }
        }
    }

    # the words before the one at the cursor, without systemfd itself
    $elements = @($commandAst.CommandElements | Select-Object -Skip 1)
    $words = @($elements | Where-Object { $_.Extent.EndOffset -lt $cursorPosition } | ForEach-Object { $_.Extent.Text })

    $form = ''
    if ($words.Count -gt 0 -and $subcommands.Text -ccontains $words[0]) {
        $form = $words[0]
    } else {
        $dashes = [array]::IndexOf($words, '--')
        if ($dashes -ge 0) { # the command completes itself
            $start = $elements[$dashes].Extent.EndOffset
            $script = $commandAst.Extent.StartScriptPosition.GetFullScript()
            $line = $script.Substring($start, [Math]::Min($cursorPosition, $script.Length) - $start).TrimStart()
            return (TabExpansion2 -inputScript $line -cursorColumn $line.Length).CompletionMatches
        }
    }
    $flags = $forms[$form].Flags

    # which flags are given, how many arguments, and the kind of value that is due
    $given = @()
    $arguments = 0
    $kind = ''
    foreach ($word in ($words | Select-Object -Skip ([int]($form -ne '')))) {
        $name = $word -creplace '^(--[^=]*)=.*$', '$1'
        if ($kind) {
            $kind = ''
        } elseif ($word.StartsWith('-')) {
            $given += $name
            if ($name -ceq $word) { $kind = ($flags | Where-Object { $_.Names -ccontains $name }).Kind }
        } else {
            $arguments++
        }
    }

    if ($kind) {
        Add-Value $kind '' $wordToComplete
    } elseif ($wordToComplete -cmatch '^(--[^=]+)=(.*)$') {
        $before, $name, $text = ($Matches[1] + '='), $Matches[1], $Matches[2]
        Add-Value ($flags | Where-Object { $_.Names -ccontains $name }).Kind $before $text
    } elseif ($wordToComplete.StartsWith('-') -or ($form -and -not $forms[$form].Args)) {
        foreach ($flag in $flags) {
            if (-not ($flag.Unless | Where-Object { $given -ccontains $_ })) {
                $flag.Names | ForEach-Object { Add-Candidate $_ $flag.Help }
            }
        }
    } elseif ($forms[$form].Args -and ($forms[$form].ManyArgs -or $arguments -eq 0)) {
        Add-Value $forms[$form].Args '' $wordToComplete
    } elseif ($words.Count -eq 0) {
        $subcommands | ForEach-Object { Add-Candidate $_.Text $_.Help }
    }
    if ($form -eq '' -and -not $kind) { Add-Candidate '--' 'COMMAND comes behind it' }
}
