"""The cases, in the order of the table."""
from cases import connections, ledger, memory, sftp, webhooks


def all_cases(options):
    return [*webhooks.CASES, *sftp.CASES, *connections.CASES, *memory.CASES, *ledger.cases(options)]
