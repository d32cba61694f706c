"""The datapath: what is done to a disk while a guest has it open."""
