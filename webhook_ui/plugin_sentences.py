"""What is wrong with plugins, which is noted in English when they are loaded, in the reader's language."""

from webhook_ui.explain.sentences import PLUGINS
from webhook_ui.languages import mark, tr_known

_IMPORTS = (
    mark("Plugins cannot be looked for here. {cause}"),
    mark("Python cannot read this file: {reason}. Correct the line."),
    mark(
        "The file ends the program while it is imported (sys.exit). Take the call out, or move it below "
        '`if __name__ == "__main__":`.'
    ),
    mark(
        "{reason}. Plugins are loaded on a thread, and signals are the server's: take signal.signal out. What is to be "
        "done at the end stands behind the yield of a source."
    ),
    mark("The import raised {cause} Correct it, or remove the plugin."),
    mark("There is no {file} beside this plugin. Put it there, or correct the import."),
    mark("No module named {name}. Install it where Webhook UI is installed, or correct the import."),
    mark("No module named {name}. It stands beside this plugin: write from {place} import (with the dot)."),
    mark(
        "It had not come back after {seconds} s, and was left behind. Move slow work into a source or a job, and what "
        "is imported or asked here must answer at once."
    ),
)
_NEEDS = (
    mark("requires says which version of Webhook UI the plugin needs, as a text in quotes. Write {example}."),
    mark("requires cannot be read. Write {example}."),
    mark("requires names {name}, but only webhook-ui is looked at. Write {example}."),
    mark(
        "It needs {wanted}, and this is webhook-ui {version}. Install a version of the plugin for this one, or another "
        "webhook-ui."
    ),
)
_HOOKS = (
    mark(
        "It registers nothing: there is no hook in it. Write a function register_triggers marked with @hookimpl, or, "
        "if this is no plugin, let its name start with _."
    ),
    mark("{name} is not marked as a hook. Write @hookimpl on the line above its def."),
    mark("{name} is no hook. Did you mean {hook}? Rename it, and write @hookimpl above its def."),
    mark("{name} is not a hook. Did you mean {hook}?"),
    mark("{name} is not a hook. The hooks are: {hooks}."),
    mark("{name} is defined twice, in line {first} and in line {second}: only the last one counts. Make one of them."),
    mark(
        "{name} is a method of the class {kind}; hooks are functions of the file itself. Move it out of the class, or "
        "write {line} below it."
    ),
    mark("{hook} cannot wrap other plugins. Write @hookimpl without wrapper."),
    mark("{hook} is called for every attempt, on a thread, and is not awaited. Write def in place of async def."),
    mark("{hook} is called once, at load, and is not awaited. Write def in place of async def."),
    mark("{hook} is awaited. Write async def in place of def."),
    mark("source must be an async context manager. Write @asynccontextmanager between @hookimpl and its def."),
    mark("{hook} takes no arguments. Remove {names}, or give a default value."),
    mark("{hook} takes {known}. Remove {names}, or give a default value. Did you mean {near}?"),
    mark("{hook} takes {known}. Remove {names}, or give a default value."),
    mark("{hook} is there twice. Keep one of them."),
)
_ANSWERS = (
    mark("Its hooks raised {cause}"),
    mark("{hook} returns nothing. Return a pydantic model class, a subclass of BaseModel."),
    mark("{hook} returns an {kind}. Return a pydantic model class, a subclass of BaseModel."),
    mark("{hook} returns a {kind}. Return a pydantic model class, a subclass of BaseModel."),
    mark("{hook} returns nothing. End it with return {example}."),
    mark("{hook} returns an {kind}. Return a list of them: {example}."),
    mark("{hook} returns a {kind}. Return a list of them: {example}."),
    mark("{hook} gives an {kind} where a {wanted} is wanted. Write {example}."),
    mark("{hook} gives a {kind} where a {wanted} is wanted. Write {example}."),
    mark("It registers the job {name} twice. Remove or rename one."),
    mark("It registers the page {name} twice. Remove or rename one."),
    mark("It registers trigger {name} twice. Remove or rename one."),
    mark("It registers signer {name} twice. Remove or rename one."),
    mark("Trigger {name} is registered by {owner} already. Rename this one."),
    mark("Signer {name} is registered by {owner} already. Rename this one."),
    mark("There is a plugin {name} already ({where}). Rename this one."),
    mark("Signer {name}: make is called with the list of secrets alone."),
    mark("Signer {name}: make raised {cause} Correct it."),
    mark("Signer {name}: make returns {kind}. End it with return sign, a function sign(message_id, timestamp, body)."),
    mark("Signer {name}: what make returns is called as sign(message_id, timestamp, body)."),
)
_SETTINGS = (
    mark("{hook} needs the setting {name}, which register_settings does not give. Did you mean {near}?"),
    mark("{hook} needs the setting {name}, which register_settings does not give. Its settings are {known}."),
    mark("Its setting {name} is one of Webhook UI's own. Rename the plugin or the field."),
    mark("It has no setting {name}. Did you mean {near}?"),
    mark("It has no setting {name}. Its settings are {known}."),
    mark("Its settings cannot be read: {reason}. Write lists and objects as JSON."),
    mark("The setting {name} is missing. Set it in the environment or in .env, or on the page Settings."),
    mark("The setting {name} is not right: {fault} It is set in the environment: correct it there."),
    mark("The setting {name} is not right: {fault} It is set in .env: correct it there."),
    mark("The setting {name} is not right: {fault} It was saved on the page Settings, tab Plugins: correct it there."),
    mark("The setting {name} is not right: {fault}"),
    mark("Plugin {name} has no settings: write a register_settings that gives a model."),
    mark(
        "Plugin {name} used its host while plugins were being loaded. Use it in the functions that run later: source, "
        "jobs, routes, pages, delivery_attempted."
    ),
)
_VALUES = (
    mark(
        "the name must be at least two words of a-z, 0-9 and _ joined by dots, at most {most} characters, for "
        "example user.created."
    ),
    mark('the title is empty. Give what people read, for example "User creation".'),
    mark("the title is empty. Give what people read."),
    mark("the description must be text: a sentence that says when this is fired."),
    mark("payload must be a pydantic model class (a subclass of pydantic.BaseModel) or None."),
    mark("the payload model has no JSON Schema ({reason}). Use types that JSON has."),
    mark("the example must be a JSON object (a dict), for example {example}."),
    mark("the example does not fit the payload model: {fault}"),
    mark("the example cannot be sent: {fault}"),
    mark("the example is not JSON ({reason}). Use dict, list, str, int, float, bool and None only."),
    mark("retry_schedule must be a list of seconds from 0 to {most}, for example {example}."),
    mark("the name must be a line of text of at most 100 characters."),
    mark("run must be a function, for example run=nightly."),
    mark('give either cron="0 3 * * *" or every=60.'),
    mark("every must be a number of seconds, at least 1."),
    mark("time_limit must be a number of seconds, at most a day."),
    mark("the name must be one word of letters, digits and _."),
    mark("make must be a function that takes the secrets."),
    mark("the path must be one word of a-z, digits, - and _."),
    mark("build must be a function."),
    mark("This is no crontab: {reason}. Write for example 0 9 * * mon-fri."),
    mark("There is no such day in any year; choose another one."),
)
_FAULTS = (
    mark("It is missing."),
    mark("There is no such field. Remove it or correct its name."),
    mark("This field is required."),
    mark("The trigger knows no such field. Remove it or correct its name."),
    mark("Must be text."),
    mark("Must be a whole number."),
    mark("Must be a number."),
    mark("Must be true or false."),
    mark("Must be an array."),
    mark("Must be an object."),
    mark("Must be an e-mail address."),
    mark("Must be an address, such as https://example.com."),
    mark("Must be longer: at least {count}."),
    mark("Must be shorter: at most {count}."),
    mark("Must match the pattern {pattern}."),
    mark("Must be one of these: {choices}."),
    mark("Must be greater than or equal to {limit}."),
    mark("Must be greater than {limit}."),
    mark("Must be less than or equal to {limit}."),
    mark("Must be less than {limit}."),
)
_OF = (
    mark("Trigger {name}: {sentence}"),
    mark("Job {name}: {sentence}"),
    mark("Signer {name}: {sentence}"),
    mark("Page {name}: {sentence}"),
)
# Python's own words stand first: last, as these fit much
_LOOSE = (
    mark("{reason}. Did you mean {name}?"),
    mark("{reason}. Correct the import."),
    mark("{reason}. Make the file readable, or handle the error in the plugin."),
    mark("{hook} raised {cause}"),
)
# what is no word of ours stands before the sentence
_PLACES = ("ValueError: {sentence}", "PluginFault: {sentence}", "payload.{field}: {fault}")
_KNOWN = (*PLUGINS, *_IMPORTS, *_NEEDS, *_HOOKS, *_ANSWERS, *_SETTINGS, *_VALUES, *_FAULTS, *_OF, *_PLACES, *_LOOSE)


def said(message: str) -> str:
    """`message` in the reader's language; what Python or an author says in it stays as it is."""
    return tr_known(message, _KNOWN)
