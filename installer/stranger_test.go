package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
)

// strangerJob has the test's program do a stranger's work: it tries what its
// argument names, prints what it got through to, a line each, and ends.
const strangerJob = "SHANGU_TEST_STRANGER"

// beStranger opens each file whose name comes in ("files"), or asks for the page
// by loopback or for the door by its socket.
func beStranger(job string) int {
	switch target := os.Getenv("SHANGU_TEST_TARGET"); job {
	case "files":
		for names := bufio.NewScanner(os.Stdin); names.Scan(); {
			for how, flag := range map[string]int{"read": os.O_RDONLY, "write": os.O_WRONLY} {
				if f, err := os.OpenFile(names.Text(), flag, 0); err == nil {
					f.Close()
					fmt.Println(how, names.Text())
				}
			}
		}
	case "page", "door":
		c := &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			if job == "door" {
				network, addr = "unix", target
			}
			return (&net.Dialer{}).DialContext(ctx, network, addr)
		}}}
		url := "http://shangu/v1/status"
		if job == "page" {
			url = target
		}
		resp, err := c.Get(url)
		if err != nil {
			fmt.Println(err)
			return 0
		}
		defer resp.Body.Close()
		body, _ := io.ReadAll(resp.Body)
		fmt.Printf("%d %s\n", resp.StatusCode, body)
	}
	return 0
}
