"""Runs a program on a pseudo-terminal and types what a person would.

usage: terminal.py [EXPECTED TYPED]... -- PROGRAM [ARGUMENT...]

Each text is typed once what is expected was printed after the one before. Copies what the program prints, and ends with its status.
"""
import os
import pty
import sys

separator = sys.argv.index('--')
talk = sys.argv[1:separator]
argv = sys.argv[separator + 1:]
pid, terminal = pty.fork()
if pid == 0:
    os.execvp(argv[0], argv)
printed = b''
while True:
    try:
        chunk = os.read(terminal, 65536)
    except OSError:
        break
    if not chunk:
        break
    sys.stdout.buffer.write(chunk)
    sys.stdout.flush()
    printed += chunk
    while talk and talk[0].encode() in printed:
        printed = printed.split(talk[0].encode(), 1)[1]
        os.write(terminal, talk[1].encode())
        talk = talk[2:]
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
