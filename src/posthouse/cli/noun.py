"""A noun and its verbs: what all groups of commands have in common."""

import click

LONGEST = 200
"""Of a sentence that says what a verb is for; click itself would cut each off at the end of its line."""


class Noun(click.Group):
    """A group whose help says of each verb the whole first sentence, however many lines that takes."""

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        verbs = [(name, self.get_command(ctx, name)) for name in self.list_commands(ctx)]
        rows = [(name, one.get_short_help_str(LONGEST)) for name, one in verbs if one is not None and not one.hidden]
        if rows:
            with formatter.section("Commands"):
                formatter.write_dl(rows)
