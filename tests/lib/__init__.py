"""What the whole-machine tests share: images, machines, a debugger client. docs/testing.md explains it."""
