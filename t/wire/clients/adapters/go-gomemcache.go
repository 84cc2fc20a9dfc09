// Go's gomemcache behind the lines that t/wire/lib/Wire/Adapter.pm describes: HOST PORT
package main

import (
	"bufio"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/bradfitz/gomemcache/memcache"
)

func number(word string) uint64 {
	n, err := strconv.ParseUint(word, 10, 64)
	if err != nil {
		panic(err)
	}
	return n
}

func item(words []string) *memcache.Item {
	return &memcache.Item{Key: words[0], Value: []byte(words[1]), Expiration: int32(number(words[2]))}
}

// What a call came to: good, or what stands for no.
func said(good, no string, err error) string {
	switch err {
	case nil:
		return good
	case memcache.ErrCacheMiss, memcache.ErrNotStored:
		return no
	}
	return "error " + strings.Join(strings.Fields(err.Error()), " ")
}

func answer(client *memcache.Client, name string, words []string) string {
	switch name {
	case "set":
		return said("ok", "no", client.Set(item(words)))
	case "add":
		return said("ok", "no", client.Add(item(words)))
	case "get":
		found, err := client.Get(words[0])
		if err != nil {
			return said("", "miss", err)
		}
		return "value " + string(found.Value)
	case "mget":
		found, err := client.GetMulti(words)
		reply := "values"
		for key, one := range found {
			reply += " " + key + "=" + string(one.Value)
		}
		return said(reply, "no", err)
	case "touch":
		return said("ok", "no", client.Touch(words[0], int32(number(words[1]))))
	case "incr":
		value, err := client.Increment(words[0], number(words[1]))
		return said(fmt.Sprintf("number %d", value), "miss", err)
	case "decr":
		value, err := client.Decrement(words[0], number(words[1]))
		return said(fmt.Sprintf("number %d", value), "miss", err)
	case "delete":
		return said("ok", "no", client.Delete(words[0]))
	}
	return "unsupported"
}

func main() {
	client := memcache.New(os.Args[1] + ":" + os.Args[2])
	client.Timeout = 5 * time.Second
	lines := bufio.NewReader(os.Stdin)
	for {
		line, err := lines.ReadString('\n')
		if err != nil {
			return
		}
		words := strings.Fields(line)
		fmt.Println(answer(client, words[0], words[1:]))
	}
}
