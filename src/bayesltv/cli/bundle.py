"""Options that go together: declared once, laid out in the commands that take them, given back as one value.

A parameter annotated ``Annotated[Record, Bundle(make)]`` stands for the parameters of ``make``: options like
any other. The command gets what ``make`` returns for them.
"""

import inspect
from collections.abc import Callable, Iterator, Mapping
from copy import copy
from dataclasses import dataclass, field
from typing import Annotated, Any, get_args

from typer.models import ParameterInfo


@dataclass(frozen=True)
class Bundle:
    """Options that go together.

    Attributes
    ----------
    make : callable
        Its parameters are the options; it returns the value that a command gets.
    without : tuple of str
        Options that a command does not have: they keep their defaults.
    help : mapping of str to str
        What a command says of an option in words of its own.
    """

    make: Callable[..., Any]
    without: tuple[str, ...] = ()
    help: Mapping[str, str] = field(default_factory=dict)

    def options(self) -> Iterator[inspect.Parameter]:
        """Yield the options as parameters."""
        for each in inspect.signature(self.make).parameters.values():
            if each.name not in self.without:
                yield _told(each, self.help[each.name]) if each.name in self.help else each

    def gathered(self, given: Mapping[str, Any]) -> Any:  # noqa: ANN401
        """Return the value that the options make."""
        return self.make(**{each.name: given[each.name] for each in self.options()})


def laid_out(command: Callable[..., None]) -> Callable[..., None]:
    """Return a command whose bundles are options of its own, as typer reads them."""
    taken = inspect.signature(command).parameters
    bundles = {name: _bundle_of(each) for name, each in taken.items()}

    def run(**given: Any) -> None:  # noqa: ANN401
        command(
            **{n: given[n] if bundle is None else bundle.gathered(given) for n, bundle in bundles.items()}
        )

    options = [
        option
        for name, bundle in bundles.items()
        for option in ([taken[name]] if bundle is None else bundle.options())
    ]
    run.__name__, run.__doc__ = command.__name__, command.__doc__
    run.__annotations__ = {}
    named = [option.replace(kind=inspect.Parameter.KEYWORD_ONLY) for option in options]
    run.__signature__ = inspect.Signature(named)  # type: ignore[attr-defined]
    return run


def _bundle_of(parameter: inspect.Parameter) -> Bundle | None:
    found = [each for each in get_args(parameter.annotation) if isinstance(each, Bundle)]
    return found[0] if found else None


def _told(parameter: inspect.Parameter, text: str) -> inspect.Parameter:
    """Return an option with another help text."""
    kind, *notes = get_args(parameter.annotation)
    (option,) = (copy(each) for each in notes if isinstance(each, ParameterInfo))
    option.help = text
    return parameter.replace(annotation=Annotated[kind, option])
