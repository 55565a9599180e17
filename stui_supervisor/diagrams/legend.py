"""The page around the picture: how to read it, and the table that it shows."""

from __future__ import annotations

from stui_supervisor.diagrams.notations import ORIGIN, markdown
from stui_supervisor.diagrams.words import KIND_LINES, KIND_MEANINGS
from stui_supervisor.machine.states import State, Trigger
from stui_supervisor.machine.table import EdgeKind


def legend() -> str:
    """The page in Markdown, to lie beside the diagrams. The same bytes every time."""
    kinds = "\n".join(f"  - **{kind}** ({KIND_LINES[kind]}): {KIND_MEANINGS[kind]}" for kind in EdgeKind)
    return f"""\
<!-- {ORIGIN} -->

# The states of the link

![Six states and everything that leads from one to another](states.svg)

The link is always in one of six states, and only what is drawn here leads from one to another.
Once a link is wanted, the supervisor is always on its way to `{State.CONNECTED}` by itself. It goes
back to `{State.DISCONNECTED}` for four reasons only: nobody had wanted a link, the user or the
program ends it, a limit was set and is reached, or a person is needed.

How to read the picture:

- An arrow's colour and its dashes say who moves the link:
{kinds}
- An arrow that starts at a dot on a frame leaves every state inside that frame:
  `{Trigger.DISCONNECT}` and `{Trigger.STOP}` work wherever a link is wanted, and any backend that is
  spoken to may refuse (`{Trigger.REJECTED}`).
- `{Trigger.CONNECT}` works in every state: it begins a first link to the endpoint that the user
  names, also while another one is up.
- The tries inside `{State.RECOVERING}` are numbered attempts, not transitions, so they are not drawn.

{markdown()}
The same graph for other tools: [states.mmd](states.mmd) for mermaid, [states.dot](states.dot) for
Graphviz. All of it is made from `stui_supervisor/machine/table.py`:

```
stui-supervisor diagram --check diagrams    # fails when something here is stale
stui-supervisor diagram --write diagrams    # makes it anew
```
"""
