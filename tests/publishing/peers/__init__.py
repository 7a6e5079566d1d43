"""Other programs read what `empathy-tui publish` has written, in environments without this project.

    python -m tests.publishing.peers --work DIR [PROGRAM…]

It trains two students, publishes their runs and data, installs each program into an environment of its own
below DIR, and has it load, train or answer. It prints a line for each program, and takes from minutes to half
an hour, most of it for downloads. Environments and runs that are there already are used again. llama.cpp's
converter is that of the folder EMPATHY_LLAMA_CPP; the source package of llama-cpp-python has one. Ollama is
tried if it is on the PATH.
"""
