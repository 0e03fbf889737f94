"""The command line: parse, call one function, map errors to exit codes."""

from bayesltv.cli.app import main as main
