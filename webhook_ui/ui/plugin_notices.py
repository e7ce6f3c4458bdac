"""What is wrong with plugins, above the triggers: those that could not be loaded, and work of theirs that fails."""

from collections.abc import Sequence

from webhook_ui import plugin_sentences
from webhook_ui.languages import mark, tr
from webhook_ui.plugin_problems import PluginProblem
from webhook_ui.ui import icons
from webhook_ui.ui.controls import button
from webhook_ui.ui.message_view import code_pieces, fill
from webhook_ui.ui.parts import foreign, text
from webhook_ui.ui.states import notice
from webhook_ui.vitals import Errand

_AGAIN = {
    "source": mark("It is started again by itself, after ever longer waits. The log has where it was raised."),
    "notified": mark("It is told the same again by itself, after ever longer waits. The log has where it was raised."),
    "job": mark("It runs again when it is due again. The log has where it was raised."),
}


def show_errands(errands: Sequence[Errand]) -> None:
    for errand in errands:
        with notice(_trouble(errand), role="alert") as body, body:
            foreign(plugin_sentences.said(errand.problem or ""), "w-block", cut=False)
            if _is_set_aside(errand):
                text(tr("Later ones are told. The event of this one has what it was about."), "w-block")
            elif errand.state != "off":
                text(tr(_AGAIN.get(errand.what, _AGAIN["job"])), "w-block")


def _trouble(errand: Errand) -> str:
    off, plugin = errand.state == "off", errand.plugin
    if errand.what == "plugin":
        return tr("{plugin} is switched off", plugin=plugin) if off else tr("{plugin} fails", plugin=plugin)
    if errand.what == "source":
        words = tr("The source of {plugin} is switched off") if off else tr("The source of {plugin} fails")
        return words.format(plugin=plugin)
    if _is_set_aside(errand):
        return tr("{plugin} does not take a notice", plugin=plugin)
    if errand.what == "notified":
        words = tr("Passing notices to {plugin} is switched off") if off else tr("Passing notices to {plugin} fails")
        return words.format(plugin=plugin)
    words = tr("The job {job} of {plugin} is switched off") if off else tr("The job {job} of {plugin} fails")
    return words.format(job=errand.what, plugin=plugin)


def _is_set_aside(errand: Errand) -> bool:
    return errand.what == "notified" and errand.state == "running"


def by_plugin(problems: Sequence[PluginProblem]) -> list[list[PluginProblem]]:
    found: dict[str, list[PluginProblem]] = {}
    for problem in problems:
        found.setdefault(problem.where, []).append(problem)
    return list(found.values())


def show_problems(problems: Sequence[PluginProblem]) -> None:
    where = problems[0].where
    sentences = [_sentence(problem) for problem in problems]
    report = "\n".join([f"{where} ({problems[0].name})"] + [_report(problem) for problem in problems])
    title = tr("{where} is not loaded, its triggers are missing", where=where)
    if problems[0].runs_on:
        title = tr("{where} was refused; what was loaded of it before goes on", where=where)
    with notice(title, sentences[0], role="alert") as body:
        with body:
            _show_excerpt(problems[0])
            for problem, sentence in zip(problems[1:], sentences[1:], strict=True):
                foreign(sentence, "w-block", cut=False)
                _show_excerpt(problem)
        button(tr("Copy report"), icon=icons.COPY, small=True).props["data-copy"] = report


def _sentence(problem: PluginProblem) -> str:
    message = plugin_sentences.said(problem.message)
    return tr("Line {line}: {message}", line=problem.line, message=message) if problem.line else message


def _show_excerpt(problem: PluginProblem) -> None:
    if problem.excerpt:
        pieces = [
            piece
            for number, line in _numbered(problem)
            for piece in (
                ("w-muted", f"{number}  "),
                ("w-code-here" if int(number) == problem.line else "", f"{line}\n"),
            )
        ]
        fill(code_pieces(tr("{where}, line {line}", where=problem.where, line=problem.line)), pieces)


def _numbered(problem: PluginProblem) -> list[tuple[str, str]]:
    """The lines around the mistake with their numbers, none of the empty ones at either end."""
    lines = list(problem.excerpt)
    while lines and not lines[-1][1].strip():
        lines.pop()
    while lines and not lines[0][1].strip():
        lines.pop(0)
    width = len(str(lines[-1][0])) if lines else 0
    return [(f"{number:>{width}}", line) for number, line in lines]


def _report(problem: PluginProblem) -> str:
    place = f"line {problem.line}: " if problem.line else ""
    return "\n".join([f"{place}{problem.message}", *(f"{number}  {line}" for number, line in _numbered(problem))])
