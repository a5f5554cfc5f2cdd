package cli

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/systemfd/systemfd/internal/holder"
	"github.com/systemfd/systemfd/internal/process"
	"github.com/systemfd/systemfd/internal/shell"
	"github.com/systemfd/systemfd/internal/spec"
)

// forScripts begins the arguments of systemfd completion in its scripts: --for KIND [WORD...] prints what completes a value behind
// the words that are typed. It is not in the grammar, because nobody else needs it.
const forScripts = "--for"

// offer is a word that may be typed, and what it means.
type offer struct{ text, note string }

// offers has what only the program knows, by the kinds of values in the grammar.
var offers = map[string]func(typed []string) ([]offer, error){
	"holder": closable,
	"name":   holders,
	"socket": called,
	"map":    unmapped,
	"pid":    owners,
}

// printOffers prints a line for each word: itself, a tab, and its note. No word is offered twice, or again.
func printOffers(p *printer, kind string, typed []string) error {
	find, ok := offers[kind]
	if !ok {
		return &usageError{fmt.Sprintf("nothing completes %q", kind), ""}
	}
	found, err := find(typed)
	told := typed[min(len(typed), 1):] // without the subcommand
	for _, o := range found {
		if !slices.Contains(told, o.text) {
			p.answer(o.text + "\t" + oneLine(o.note))
			told = append(told, o.text)
		}
	}
	return err
}

// closable is what systemfd stop takes: holders, and the sockets that the holder of this directory keeps. A holder that does not
// answer is left out, because a warning would appear in the line that is being typed.
func closable([]string) ([]offer, error) {
	states, _, err := holder.States()
	found := namesOf(states)
	here, hereErr := keeperOf("")
	for _, state := range states {
		for _, kept := range state.Sockets {
			if name := kept.Opening.FDName(); hereErr == nil && state.Control == here.Control() && spec.ValidName(name) {
				found = append(found, offer{name, kept.Opening.Display()})
			}
		}
	}
	return found, errors.Join(err, hereErr)
}

// called are the sockets that --only, url and port know by their names.
func called([]string) (found []offer, err error) {
	openings, err := openingsHere()
	for _, o := range openings {
		found = append(found, offer{o.FDName(), o.Display()})
	}
	return found, err
}

func holders([]string) ([]offer, error) {
	states, _, err := holder.States()
	return namesOf(states), err
}

// namesOf are the names of holders, with the addresses that they keep and the directories in which they were started.
func namesOf(states []holder.State) (found []offer) {
	for _, state := range states {
		var addresses []string
		for _, kept := range state.Sockets {
			addresses = append(addresses, kept.Opening.Address())
		}
		found = append(found, offer{state.Name(), strings.Join(addresses, ", ") + " of " + state.Directory})
	}
	return found
}

// unmapped is FROM= for each address of the units that are typed, unless a --map is typed for it.
func unmapped(typed []string) (found []offer, err error) {
	maps := valuesOf("--map", "--map", typed)
	for _, path := range valuesOf("-u", "--unit", typed) {
		if below, ok := strings.CutPrefix(path, "~/"); ok {
			path = os.Getenv("HOME") + "/" + below
		}
		unit, err := new(wanted).readUnit(path, spec.Defaults())
		if err != nil {
			return nil, err
		}
		for _, address := range unit.Addresses() {
			if from := address + "="; !slices.ContainsFunc(maps, func(m string) bool { return strings.HasPrefix(m, from) }) {
				found = append(found, offer{from, "of " + filepath.Base(path)})
			}
		}
	}
	return found, nil
}

// valuesOf returns the values of a flag, as -u FILE, -uFILE, --unit FILE and --unit=FILE.
func valuesOf(short, long string, typed []string) (values []string) {
	for i, word := range typed {
		value, isJoined := strings.CutPrefix(word, long+"=")
		if !isJoined {
			value, isJoined = strings.CutPrefix(word, short)
			isJoined = isJoined && value != "" && !strings.HasPrefix(word, "--")
		}
		switch {
		case isJoined:
			values = append(values, value)
		case (word == short || word == long) && i+1 < len(typed):
			values = append(values, typed[i+1])
		}
	}
	return values
}

// owners are the processes of this user. The shells in use come first, because sockets are usually kept for them.
func owners([]string) ([]offer, error) {
	all, err := process.Own()
	var shells, others []offer
	for _, l := range all {
		o := offer{strconv.Itoa(l.PID), l.Name}
		if l.Terminal == "" {
			others = append(others, o)
			continue
		}
		o.note += " on " + l.Terminal
		if _, isShell := shell.Lookup(l.Name); isShell || l.Name == "nu" {
			shells = append(shells, o)
		} else {
			others = append(others, o)
		}
	}
	return append(shells, others...), err
}

// oneLine is text without characters that would end a line or a field.
func oneLine(text string) string {
	return strings.Join(strings.FieldsFunc(text, func(r rune) bool { return r < ' ' }), " ")
}
