"""An rsyslogd of a test's own, on loopback. What it has read it writes, also when it is told to end."""
# Needs: rsyslog
import os


def command(root, config):
    return ["rsyslogd", "-n", "-f", config, "-i", os.path.join(root, "rsyslog.pid")]


def settings(root, port, actions, options="", modules="", stream=""):
    """What it does with a message are `actions`; `options` are further global ones, `stream` those of its TCP input."""
    return (
        # At its end an input has a second by default, and then loses what it has read and not passed on.
        f'global(workDirectory="{root}" maxMessageSize="64k" inputs.timeout.shutdown="30000"{options})\n'
        f'module(load="imtcp"{stream})\n{modules}'
        # Direct: what was read is written, and not lost from a queue in memory at the end.
        f'ruleset(name="all" queue.type="Direct") {{\n{actions}\n}}\n'
        f'input(type="imtcp" address="127.0.0.1" port="{port}" ruleset="all")\n')
