# Completion of systemfd(1) for bash from 3.2 on, with bash-completion and without. go generate makes it of the flags.

# _systemfd_form FORM: what may come in it, as flags, takes, args and many.
_systemfd_form() {
	case $1 in
	'')
		# the spellings of each flag, the words beside which it makes no sense, and its help
		flags=(
			'-s --socket||open a socket; repeatable, in descriptor order'
			'-u --unit||open the sockets of a systemd .socket unit; repeatable'
			'--map||bind TO where a unit says FROM (a port, an address or a path); - leaves it out'
			'-b --backlog|-b --backlog|listen queue [4096 connections, capped by the system]'
			'--no-reuse|--no-reuse|do not set SO_REUSEADDR on TCP sockets'
			'--reuse-port|--reuse-port|set SO_REUSEPORT on TCP and UDP sockets'
			'--mode|--mode|permission bits of unix sockets [0666 less the umask]'
			'--append|--append|add the sockets to inherited ones, or those kept open'
			'--only||pass only the sockets of that name; repeatable, in that order'
			'--pid|--pid --no-pid|set LISTEN_PID'
			'--no-pid|--pid --no-pid|no LISTEN_PID'
			'--nonblock|--nonblock|pass the descriptors with O_NONBLOCK set'
			'--hold|--hold|keep the sockets in a holder too, for as long as COMMAND lives'
			'--lazy|--lazy|wait for the first client, then become COMMAND'
			'--accept|--accept|stay, and start COMMAND once per connection'
			'--proxy|--proxy|stay in front of COMMAND, which takes no socket, and serves at the port that {port} in its arguments and PORT say'
			'--inetd|--inetd|with --accept, the connection on stdin and stdout; without, the first socket on stdin'
			'--info-file|--info-file|write the sockets as JSON once bound; - is stdout'
			'-q --quiet|-q --quiet|print only errors'
			'--color|--color|colour on stderr: auto, always or never [auto]'
			'-h --help|-h --help|print this help'
			'-V --version|-V --version|print the version'
		)
		# what completes the values of flags, and of arguments
		takes=' -s=spec --socket=spec -u=unit --unit=unit --map=map -b=none --backlog=none --mode=mode --only=socket --info-file=file --color=color '
		args='' many=false
		;;
	'env')
		# the spellings of each flag, the words beside which it makes no sense, and its help
		flags=(
			'-s --socket||open a socket; repeatable, in descriptor order'
			'-u --unit||open the sockets of a systemd .socket unit; repeatable'
			'--map||bind TO where a unit says FROM (a port, an address or a path); - leaves it out'
			'-b --backlog|-b --backlog|listen queue [4096 connections, capped by the system]'
			'--no-reuse|--no-reuse|do not set SO_REUSEADDR on TCP sockets'
			'--reuse-port|--reuse-port|set SO_REUSEPORT on TCP and UDP sockets'
			'--mode|--mode|permission bits of unix sockets [0666 less the umask]'
			'--shell|--shell|for which shell: sh (bash, dash, ksh, zsh), fish, csh (tcsh), powershell (pwsh), cmd, xonsh, elvish; or dotenv, for an env file [sh; on Windows: this shell]'
			'--json|--json|print the variables as a JSON object; null is to be unset'
			'--unset|--unset|take it all back, and close the sockets'
			'--no-listen|--no-listen|leave LISTEN_* out: for shells in which podman is used'
			'--owner|--owner|the process that the sockets are kept for [this shell]'
			'--name|--name|share a holder of this name [that of this directory]'
			'-q --quiet|-q --quiet|print only errors'
			'-h --help|-h --help|print this help'
		)
		# what completes the values of flags, and of arguments
		takes=' -s=spec --socket=spec -u=unit --unit=unit --map=map -b=none --backlog=none --mode=mode --shell=shell --owner=pid --name=name '
		args='' many=false
		;;
	'status')
		# the spellings of each flag, the words beside which it makes no sense, and its help
		flags=(
			'--json|--json|print the same as JSON'
			'-h --help|-h --help|print this help'
		)
		# what completes the values of flags, and of arguments
		takes=' '
		args='' many=false
		;;
	'stop')
		# the spellings of each flag, the words beside which it makes no sense, and its help
		flags=(
			'--all|--all|close everything that is kept open for you'
			'-h --help|-h --help|print this help'
		)
		# what completes the values of flags, and of arguments
		takes=' '
		args='holder' many=true
		;;
	'url')
		# the spellings of each flag, the words beside which it makes no sense, and its help
		flags=(
			'-h --help|-h --help|print this help'
		)
		# what completes the values of flags, and of arguments
		takes=' '
		args='socket' many=false
		;;
	'port')
		# the spellings of each flag, the words beside which it makes no sense, and its help
		flags=(
			'-h --help|-h --help|print this help'
		)
		# what completes the values of flags, and of arguments
		takes=' '
		args='socket' many=false
		;;
	'inspect')
		# the spellings of each flag, the words beside which it makes no sense, and its help
		flags=(
			'--json|--json|print the same as JSON'
			'-h --help|-h --help|print this help'
		)
		# what completes the values of flags, and of arguments
		takes=' '
		args='' many=false
		;;
	'completion')
		# the spellings of each flag, the words beside which it makes no sense, and its help
		flags=(
			'-h --help|-h --help|print this help'
		)
		# what completes the values of flags, and of arguments
		takes=' '
		args='completion' many=false
		;;
	'help')
		# the spellings of each flag, the words beside which it makes no sense, and its help
		flags=(
			'-h --help|-h --help|print this help'
		)
		# what completes the values of flags, and of arguments
		takes=' '
		args='form' many=false
		;;
	'version')
		# the spellings of each flag, the words beside which it makes no sense, and its help
		flags=(
			'-h --help|-h --help|print this help'
		)
		# what completes the values of flags, and of arguments
		takes=' '
		args='' many=false
		;;
	esac
}

_systemfd() {
	local IFS=$' \t\n' words starts cur cut quoted='' form='' flags takes args many given=' ' kind='' begin=0 notes options=' '
	COMPREPLY=() notes=()
	_systemfd_words
	if ! _systemfd_given; then
		if [[ $given == *' --proxy '* && $cur == \{* ]]; then # the private port
			COMPREPLY=('{port}')
			return
		fi
		_systemfd_command "${starts[begin]}"
	elif [[ -n $kind ]]; then
		_systemfd_value "$kind" '' "$cur"
	elif [[ $cur == --*=* ]]; then
		_systemfd_kind "${cur%%=*}"
		_systemfd_value "$kind" "${cur%%=*}=" "${cur#*=}"
	elif [[ $cur == -[!-]?* ]]; then
		_systemfd_kind "${cur:0:2}"
		_systemfd_value "$kind" "${cur:0:2}" "${cur:2}"
	else
		_systemfd_word
	fi
	_systemfd_notes
	_systemfd_finish
}

# _systemfd_words: the words up to the cursor as they were typed, and where each starts in COMP_WORDS. Bash splits at
# COMP_WORDBREAKS too, ":" and "=" among them, and readline replaces what is behind the last of these, or behind a quote:
# of cur, that is what is behind cut.
_systemfd_words() {
	local line=${COMP_LINE:0:COMP_POINT} blanks i last breaks=${COMP_WORDBREAKS//[!:=@]/}
	line=${line#"${line%%"${COMP_WORDS[0]}"*}"}
	words=() starts=()
	for ((i = 0; i <= COMP_CWORD; i++)); do
		blanks=${line%%[![:space:]]*}
		line=${line#"$blanks"}
		if ((i == 0)) || [[ -n $blanks ]]; then
			words+=('') starts+=("$i")
		fi
		last=$((${#words[@]} - 1))
		if ((i < COMP_CWORD)); then
			words[last]+=${COMP_WORDS[i]}
			line=${line#"${COMP_WORDS[i]}"}
		else
			words[last]+=$line
		fi
	done
	cur=${words[last]} cut=''
	if [[ $cur == *[\"\']* ]]; then
		quoted=1 cut=${cur%%[\"\']*}
		cur=$cut${cur#*[\"\']}
	elif [[ -n $breaks && $cur == *["$breaks"]* ]]; then
		cut=${cur%"${cur##*["$breaks"]}"}
	fi
}

# _systemfd_given reads the words before the last: form, which flags are given, and the kind of value that is due. It fails
# if the command has begun; begin is its first word then.
_systemfd_given() {
	local i=1 word last=$((${#words[@]} - 1))
	if ((last > 1)) && [[ ' ''env ''status ''stop ''url ''port ''inspect ''completion ''help ''version ' == *" ${words[1]} "* ]]; then
		form=${words[1]} i=2
	fi
	_systemfd_form "$form"
	for (( ; i < last; i++)); do
		word=${words[i]}
		if [[ $word == -- && -z $form ]]; then
			begin=$((i + 1))
			return 1
		elif [[ -n $kind ]]; then
			kind=
		elif [[ $word == --*=* ]]; then
			given+="${word%%=*} "
		elif [[ $word == --* || $word == -? ]]; then
			given+="$word "
			_systemfd_kind "$word"
		elif [[ $word == -* ]]; then
			given+="${word:0:2} "
		else
			given+="$word argument "
		fi
	done
}

# _systemfd_kind FLAG: the kind of its value.
_systemfd_kind() {
	kind=
	if [[ $takes == *" $1="* ]]; then
		kind=${takes#*" $1="}
		kind=${kind%% *}
	fi
}

# _systemfd_word completes a word that is no value.
_systemfd_word() {
	if [[ $cur == -* || -n $form && -z $args ]]; then
		_systemfd_flags
	elif [[ -n $args ]] && [[ $many == true || $given != *' argument '* ]]; then
		_systemfd_value "$args" '' "$cur"
	elif ((${#words[@]} == 2)); then
		_systemfd_add env 'keep sockets open for this shell, between runs'
		_systemfd_add status 'what is kept, and for whom'
		_systemfd_add stop 'close it'
		_systemfd_add url 'print the URL of a socket'
		_systemfd_add port 'print the port of a socket'
		_systemfd_add inspect 'what this process was given'
		_systemfd_add completion 'print the completion script for a shell'
		_systemfd_add help 'print this help, or that of a form'
		_systemfd_add version 'print the version'
	fi
	if [[ -z $form ]]; then
		_systemfd_add -- 'COMMAND comes behind it'
	fi
}

# _systemfd_flags: the spellings of the flags that make sense beside those given.
_systemfd_flags() {
	local flag unless word
	for flag in "${flags[@]}"; do
		unless=${flag#*|}
		for word in ${unless%%|*}; do
			[[ $given == *" $word "* ]] && continue 2
		done
		for word in ${flag%%|*}; do
			_systemfd_add "$word" "${unless#*|}"
		done
	done
}

# _systemfd_add WORD [HELP] is a candidate if it goes on from cur.
_systemfd_add() {
	if [[ $1 == "$cur"* ]]; then
		COMPREPLY+=("${1#"$cut"}")
		notes+=("${2-}")
	fi
}

# _systemfd_notes puts the help behind the candidates if they are listed, and not inserted.
_systemfd_notes() {
	local i width=0 line
	if ((${COMP_TYPE:-0} != 63 || ${#COMPREPLY[@]} < 2)); then
		return
	fi
	for line in "${COMPREPLY[@]}"; do
		((${#line} > width)) && width=${#line}
	done
	for i in "${!COMPREPLY[@]}"; do
		if [[ -n ${notes[i]-} ]]; then
			printf -v line '%-*s  (%s)' "$width" "${COMPREPLY[i]}" "${notes[i]}"
			COMPREPLY[i]=${line:0:${COLUMNS:-80}-1}
		fi
	done
}

# _systemfd_compopt: whether there is compopt, as from bash 4.0 on.
_systemfd_compopt() { type compopt >/dev/null 2>&1; }

# _systemfd_option NAME: an option of complete, for this time.
_systemfd_option() {
	options+="$1 "
	if _systemfd_compopt; then
		compopt -o "$1" 2>/dev/null
	fi
}

# _systemfd_finish does what the options say, if compopt cannot: it quotes file names, and puts a slash or a blank behind the word.
_systemfd_finish() {
	local i word
	if [[ -n $quoted ]] || _systemfd_compopt; then
		return
	fi
	for ((i = 0; i < ${#COMPREPLY[@]}; i++)); do
		word=${COMPREPLY[i]}
		if [[ $options == *' filenames '* ]]; then
			[[ $word != */ && -d ${word/#\~/$HOME} ]] && word+=/
			printf -v word %q "$word"
			word=${word/#\\~/\~}
		fi
		[[ $options == *' nospace '* || $word == */ ]] || word+=' '
		COMPREPLY[i]=$word
	done
}

# _systemfd_value KIND BEFORE TEXT completes a value that TEXT begins; BEFORE is what stands before it in the word.
_systemfd_value() {
	case $1 in
	spec) _systemfd_spec "$2" "$3" ;;
	unit) _systemfd_files "$2" "$3" '!*.socket' ;;
	file) _systemfd_files "$2" "$3" ;;
	map)
		if [[ $3 == *=* ]]; then
			_systemfd_files "$2${3%%=*}=" "${3#*=}"
		else
			_systemfd_ask map "$2"
			_systemfd_option nospace
		fi
		;;
	pid)
		_systemfd_ask pid "$2"
		_systemfd_option nosort
		;;
	holder | name | socket) _systemfd_ask "$1" "$2" ;;
	color)
		_systemfd_add "$2"auto 'if stderr is a terminal'
		_systemfd_add "$2"always 'also into a file or a pipe'
		_systemfd_add "$2"never 'plain text'
		;;
	completion)
		_systemfd_add "$2"bash 'the script for bash'
		_systemfd_add "$2"fish 'the script for fish'
		_systemfd_add "$2"nushell 'the script for nushell'
		_systemfd_add "$2"powershell 'the script for powershell'
		_systemfd_add "$2"zsh 'the script for zsh'
		;;
	form)
		_systemfd_add "$2"env 'keep sockets open for this shell, between runs'
		_systemfd_add "$2"status 'what is kept, and for whom'
		_systemfd_add "$2"stop 'close it'
		_systemfd_add "$2"url 'print the URL of a socket'
		_systemfd_add "$2"port 'print the port of a socket'
		_systemfd_add "$2"inspect 'what this process was given'
		_systemfd_add "$2"completion 'print the completion script for a shell'
		_systemfd_add "$2"help 'print this help, or that of a form'
		_systemfd_add "$2"version 'print the version'
		;;
	mode)
		_systemfd_add "$2"0600 'only you'
		_systemfd_add "$2"0660 'you and the group'
		_systemfd_add "$2"0666 'everybody'
		;;
	shell)
		_systemfd_add "$2"bash 'code for bash'
		_systemfd_add "$2"cmd 'code for cmd'
		_systemfd_add "$2"csh 'code for csh'
		_systemfd_add "$2"dash 'code for dash'
		_systemfd_add "$2"dotenv 'lines for an env file'
		_systemfd_add "$2"elvish 'code for elvish'
		_systemfd_add "$2"fish 'code for fish'
		_systemfd_add "$2"ksh 'code for ksh'
		_systemfd_add "$2"powershell 'code for powershell'
		_systemfd_add "$2"pwsh 'code for pwsh'
		_systemfd_add "$2"sh 'code for sh'
		_systemfd_add "$2"tcsh 'code for tcsh'
		_systemfd_add "$2"xonsh 'code for xonsh'
		_systemfd_add "$2"zsh 'code for zsh'
		;;
	type)
		_systemfd_add "$2"tcp:: 'tcp listener'
		_systemfd_add "$2"http:: 'tcp listener'
		_systemfd_add "$2"https:: 'tcp listener'
		_systemfd_add "$2"udp:: 'udp'
		_systemfd_add "$2"unix:: 'unix listener'
		_systemfd_add "$2"unix-dgram:: 'unix datagram'
		_systemfd_add "$2"unix-seqpacket:: 'unix seqpacket listener'
		;;
	esac
}

# _systemfd_ask KIND BEFORE: what only the program knows.
_systemfd_ask() {
	local name note word typed
	typed=()
	for word in "${words[@]}"; do
		word=${word//[\\\"\']/}
		typed+=("$word")
	done
	while IFS=$'\t' read -r name note; do
		_systemfd_add "$2$name" "$note"
	done < <("${COMP_WORDS[0]/#\~/$HOME}" completion --for "$1" "${typed[@]:1:${#typed[@]}-2}" 2>/dev/null)
}

# _systemfd_spec BEFORE TEXT: [NAME=][TYPE::]VALUE.
_systemfd_spec() {
	local before=$1 text=$2 name=${2%%=*}
	if [[ $text == *=* && $name != *::* && $name != */* && $name != @* ]]; then
		before+=$name=
		text=${text#*=}
	fi
	case $text in
	unix*::*) _systemfd_files "$before${text%%::*}::" "${text#*::}" ;;
	*::*) ;;
	[./~]*) _systemfd_files "$before" "$text" ;;
	*)
		_systemfd_value type "$before"
		_systemfd_option nospace
		;;
	esac
}

# _systemfd_files BEFORE PATH [EXCEPT]: files, but for those that EXCEPT means, and directories. Readline puts the slash behind a
# directory, if it sees the whole path and nothing else.
_systemfd_files() {
	local path=${2//\\/} file slash=/
	cur=${cur//\\/} cut=${cut//\\/}
	if [[ $1 == "$cut" ]] && _systemfd_compopt; then
		slash=
	fi
	while IFS= read -r file; do
		_systemfd_add "$1$file$slash"
	done < <(compgen -d -- "$path")
	while IFS= read -r file; do
		[[ -d ${file/#\~/$HOME} ]] || _systemfd_add "$1$file"
	done < <(compgen -f -X "${3-}" -- "$path")
	_systemfd_option filenames
	if [[ ${#COMPREPLY[@]} == 1 && ${COMPREPLY[0]} == */ ]]; then
		_systemfd_option nospace
	fi
}

# _systemfd_lines makes candidates of the lines of its input.
_systemfd_lines() {
	local line
	while IFS= read -r line; do
		COMPREPLY+=("$line")
	done
}

# _systemfd_command INDEX completes the command that starts at this index of COMP_WORDS, as it completes itself.
_systemfd_command() {
	local function
	for function in _comp_command_offset _command_offset; do
		if declare -F "$function" >/dev/null; then
			"$function" "$1"
			return
		fi
	done
	_systemfd_shift "$1"
	local command=${COMP_WORDS[0]} word=${COMP_WORDS[COMP_CWORD]} spec option completer=' -F ([^ ]+)'
	if ((COMP_CWORD == 0)); then
		_systemfd_option filenames
		_systemfd_lines < <(compgen -c -d -- "$word")
	elif spec=$(complete -p -- "$command" 2>/dev/null || complete -p -- "${command##*/}" 2>/dev/null); then
		for option in bashdefault default dirnames filenames noquote nosort nospace plusdirs; do
			if [[ $spec == *" -o $option "* ]]; then
				_systemfd_option "$option"
			fi
		done
		if [[ $spec =~ $completer ]]; then
			"${BASH_REMATCH[1]}" "$command" "$word" "${COMP_WORDS[COMP_CWORD - 1]}"
		else
			spec=${spec#complete}
			_systemfd_lines < <(eval "compgen ${spec% *} -- \"\$word\"")
		fi
	else
		_systemfd_option filenames
		_systemfd_lines < <(compgen -f -- "$word")
	fi
}

# _systemfd_shift N takes the first N of COMP_WORDS away, as if they had not been typed.
_systemfd_shift() {
	local i blanks
	for ((i = 0; i < $1; i++)); do
		blanks=${COMP_LINE%%[![:space:]]*}
		COMP_POINT=$((COMP_POINT - ${#blanks} - ${#COMP_WORDS[i]}))
		COMP_LINE=${COMP_LINE#"$blanks"}
		COMP_LINE=${COMP_LINE#"${COMP_WORDS[i]}"}
	done
	blanks=${COMP_LINE%%[![:space:]]*}
	COMP_LINE=${COMP_LINE#"$blanks"} COMP_POINT=$((COMP_POINT - ${#blanks}))
	COMP_WORDS=("${COMP_WORDS[@]:$1}") COMP_CWORD=$((COMP_CWORD - $1))
}

complete -F _systemfd systemfd
_systemfd_compopt || complete -o nospace -F _systemfd systemfd
