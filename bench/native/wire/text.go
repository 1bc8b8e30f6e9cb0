package wire

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"
	"unicode/utf8"
)

// What the answers say is a function of the request's id and the place in the stream, so that the load generator
// can check every one of them. The texts carry what real ones do: quotes, line ends, backslashes and letters beyond
// ASCII, which an encoder escapes and a translator must not lose.

// Order is what a request asks of the fake upstream. It is written into the user's text, the one thing that every
// gateway hands on: "bench:id=0042:events=200:rate=50:hold=0".
type Order struct {
	ID     string // four characters
	Reply  int    // bytes of text in an answer that is not streamed
	Events int    // text deltas; above 0 the answer is a stream
	Rate   int    // deltas a second on an absolute schedule; 0: as fast as the connection takes them
	Hold   int    // milliseconds of silence after the last delta, before the stream ends
}

const marker = "bench:"

// IDSize is the length of an Order's ID.
const IDSize = 4

func (o Order) String() string {
	text := marker + "id=" + o.ID
	for _, f := range []struct {
		name  string
		value int
	}{{"reply", o.Reply}, {"events", o.Events}, {"rate", o.Rate}, {"hold", o.Hold}} {
		if f.value != 0 {
			text += ":" + f.name + "=" + strconv.Itoa(f.value)
		}
	}
	return text
}

// ParseOrder finds the order in a request's body.
func ParseOrder(body []byte) (order Order, found bool) {
	at := bytes.Index(body, []byte(marker))
	if at < 0 {
		return order, false
	}
	text := body[at+len(marker):]
	if end := bytes.IndexAny(text[:min(len(text), 128)], " \"\\"); end >= 0 {
		text = text[:end]
	}
	for _, field := range strings.Split(string(text), ":") {
		name, value, _ := strings.Cut(field, "=")
		if name == "id" {
			order.ID = value
			continue
		}
		number, err := strconv.Atoi(value)
		if err != nil || number < 0 {
			return order, false
		}
		switch name {
		case "reply":
			order.Reply = number
		case "events":
			order.Events = number
		case "rate":
			order.Rate = number
		case "hold":
			order.Hold = number
		default:
			return order, false
		}
	}
	return order, len(order.ID) == IDSize
}

const digits = "0123456789abcdefghijklmnopqrstuvwxyz"

// PutBase36 writes value into all of dst, with leading zeros; a value too large is cut to its last digits.
func PutBase36(dst []byte, value int64) {
	for i := len(dst) - 1; i >= 0; i-- {
		dst[i] = digits[value%36]
		value /= 36
	}
}

// Base36 reads what PutBase36 wrote.
func Base36(text []byte) (value int64, ok bool) {
	for _, c := range text {
		switch {
		case '0' <= c && c <= '9':
			value = value*36 + int64(c-'0')
		case 'a' <= c && c <= 'z':
			value = value*36 + int64(c-'a') + 10
		default:
			return 0, false
		}
	}
	return value, len(text) > 0
}

// A delta's text is a stamp of StampSize bytes and a few words: "@0042.00f.0sg8l2k4xq1z.000c and then the river".
// The stamp holds the request's id, the delta's number, when it was sent (nanoseconds of Now) and how many
// microseconds after its schedule that was.
const StampSize = 1 + IDSize + 1 + 3 + 1 + 12 + 1 + 4

// Stamp is a decoded stamp.
type Stamp struct {
	Number int
	Sent   int64 // ns
	Late   int64 // ns
}

const maxLate = 36*36*36*36 - 1

// PutStamp writes a stamp into dst, which has StampSize bytes.
func PutStamp(dst []byte, id string, s Stamp) {
	dst[0] = '@'
	copy(dst[1:5], id)
	dst[5], dst[9], dst[22] = '.', '.', '.'
	PutBase36(dst[6:9], int64(s.Number))
	PutBase36(dst[10:22], s.Sent)
	PutBase36(dst[23:27], min(max(s.Late, 0)/1000, maxLate))
}

// ParseStamp reads a stamp at the start of text.
func ParseStamp(text []byte) (id []byte, s Stamp, ok bool) {
	if len(text) < StampSize || text[0] != '@' {
		return nil, s, false
	}
	number, ok1 := Base36(text[6:9])
	sent, ok2 := Base36(text[10:22])
	late, ok3 := Base36(text[23:27])
	return text[1:5], Stamp{int(number), sent, late * 1000}, ok1 && ok2 && ok3
}

var words = []string{
	" and then", " the river", " of course", ", because", " “warm”", ".\n\nWhat", " is said", " \"here\"",
	" naïve", " must be", " 河水", " C:\\tmp", " once more", "\n- item", " that we", " 🙂 know",
}

var (
	wordsJSON = quoteAll(words) // without the quotation marks
	paragraph = strings.Join([]string{
		"The ferry leaves at ten past seven, and whoever misses it walks the long way round the lake. ",
		"\"We had agreed on Tuesday,\" she wrote, \"but nobody told the harbour office.\"\n\n",
		"1. Read the figures twice.\n2. Compare them with last year’s.\n\t– mark what differs\n",
		"Die Brücke über den Fluß ist gesperrt; à cause du gel, on passe par l’écluse. ",
		"湖上的雾散了以后，我们才看见对岸的灯。",
		" Path: C:\\data\\2026\\march.csv, pattern: ^\\d{4}-\\d{2}$. ",
		"for item in rows:\n    total += item[\"amount\"] * 0.5\n",
		"Most of what follows is ordinary prose, neither dense nor empty, the way people write when they explain ",
		"something to a colleague who knows the field and has ten minutes. It has commas, pauses; and the odd aside ",
		"(like this one). Nothing in it is rare, and that is the point. 🙂\n\n",
	}, "")
)

func quoteAll(texts []string) [][]byte {
	quoted := make([][]byte, len(texts))
	for i, text := range texts {
		quoted[i] = Quote(text)
	}
	return quoted
}

// Quote is text as the inside of a JSON string, letters beyond ASCII left as they are.
func Quote(text string) []byte {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(text); err != nil {
		panic(err) // a string always encodes
	}
	return out.Bytes()[1 : out.Len()-2] // Encode adds a line end
}

// Words is what follows the stamp of delta `number`, as the inside of a JSON string.
func Words(number int) []byte { return wordsJSON[number%len(wordsJSON)] }

// Prose is about size bytes of ordinary text, cut between characters.
func Prose(size int) string {
	text := strings.Repeat(paragraph, size/len(paragraph)+1)[:max(size, 0)]
	for !utf8.ValidString(text) {
		text = text[:len(text)-1]
	}
	return text
}

// Reply is the text of an answer that is not streamed: the request's id and prose, size bytes in all.
func Reply(id string, size int) string { return "@" + id + " " + Prose(size-IDSize-2) }
