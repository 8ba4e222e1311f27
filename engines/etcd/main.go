// Command etcd is etcd itself, built from the versions that go.mod and go.sum pin. No logic of ours is here.
package main

import (
	"os"

	"go.etcd.io/etcd/server/v3/etcdmain"
)

func main() { etcdmain.Main(os.Args) }
