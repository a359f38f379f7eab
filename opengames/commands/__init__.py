"""The words of the command line: one module per command, each with its options (`configure`) and its deed (`run`).

At module level they import only the standard library: what a command needs, it imports when it runs.
"""
