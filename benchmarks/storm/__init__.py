"""Everything at once while processes are killed, disks fill up and files are removed."""
