"""The English page: what stands before the tables, and the words of types."""

from dragoman.config.reference.fields import Words

# ruff: noqa: E501 - a row of a table cannot be wrapped

WORDS = Words(
    integer="integer",
    number="number",
    text="text",
    boolean="`true` or `false`",
    secret="text, secret",  # noqa: S106 - a word, not a password
    time="RFC 3339 time",
    items="list of {}",
    map="fields of secret text",
    section="fields as in {}",
    one_of=", ",
    or_null="{}, or null",
    required="required",
    as_model="as the model",
)

INTRODUCTION = """\
# Configuration

Dragoman runs without any configuration. What you want to be different goes into `dragoman.yaml`:

```yaml
server:
  host: 127.0.0.1
  port: 8080
accounts:                        # upstream credentials, the pool
  - name: anthropic-a
    provider: anthropic
    api_key: ${ANTHROPIC_API_KEY_A}
  - name: anthropic-b
    provider: anthropic
    api_key: ${ANTHROPIC_API_KEY_B}
    weight: 2                    # twice the new conversations
keys:                            # client keys
  - name: ci
    key: ${CI_KEY}
    models: ["claude-haiku-*"]
    rpm: 60
models:
  - id: my-alias
    target: claude-haiku-4-5-20251001
```

`dragoman check` reads it, names every mistake with file, line and path, and otherwise says what would be served:

```
dragoman.yaml:11: accounts[1].base_ulr: unknown field, did you mean base_url?
```

## Where it is looked for

1. the file of `--config`,
2. the file of `DRAGOMAN_CONFIG`,
3. `dragoman.yaml` in the working directory,
4. else there is no file, and the defaults below hold.

Relative paths in it are relative to the working directory.

## What wins

A flag of `dragoman serve` wins over the file, the file over the environment, the environment over the default.

| variable | stands in for |
|---|---|
| `DRAGOMAN_HOST`, `DRAGOMAN_PORT` | `server.host`, `server.port` |
| `DRAGOMAN_ADMIN_HOST`, `DRAGOMAN_ADMIN_PORT`, `DRAGOMAN_ADMIN_KEY` | `admin.host`, `admin.port`, `admin.key` |
| `DRAGOMAN_DATABASE`, `DRAGOMAN_REDIS` | `storage.database`, `storage.redis` |
| `DRAGOMAN_DATA` | the folder for what Dragoman keeps between starts; default `./data`; there is no field for it |
| `ANTHROPIC_API_KEY` | `accounts`: one account named `anthropic`, at `ANTHROPIC_BASE_URL` or `https://api.anthropic.com` |

An empty variable counts as not set. With neither accounts in the file nor `ANTHROPIC_API_KEY`, requests are answered
by the built-in simulator; the start-up text says so.

## Variables in the file

`${NAME}` in a value is replaced from the environment; if the variable is not set, that is a mistake.
`${NAME:-default}` takes the default where the variable is not set or empty. `$$` is a dollar sign; a `$` before
anything else is itself. Variables are replaced after the YAML is parsed, in values and never in keys, so no value can
change the structure of the file. A variable may stand for a number or a boolean: `port: ${PORT:-8080}`.

## YAML

Plain scalars are read as in YAML 1.2: `true` and `false` are booleans; `yes`, `no`, `on`, `off` and dates are texts.
A field that is given twice is a mistake, and so is one that does not exist. A field without a value
(`api_key:`) counts as left out.

## Models

Each entry of `models` has an `id`. With a `target` it is a new name for another model: the id of a known model, one of
its aliases, any `claude-*` name, or the `id` of another entry. Without one it changes the known model of that name, or
adds a model that follows the rules of the newest Claude models but for the fields you give. `dragoman models` shows
the result.

Globs in `accounts[].models` are compared with the id that is sent upstream; those in `keys[].models` with the name the
client wrote and with the model's id.

## Fields

"Used" says whether this version acts on a field. What it accepts and does not use yet is also named at the start and
by `dragoman check`.
"""
