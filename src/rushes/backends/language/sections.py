"""The tables that a profile is made of, each a schema that refuses what it does not know."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    JsonValue,
    StrictBool,
    StringConstraints,
    model_validator,
)

from rushes.backends.language.grammar import (
    Asked,
    AskedPath,
    AskedText,
    Body,
    ClipPointers,
    CredentialCookies,
    CredentialHeaders,
    CredentialText,
    Fixed,
    FixedBody,
    FixedPath,
    HttpStates,
    Kind,
    Known,
    KnownBody,
    KnownPath,
    KnownPlace,
    Method,
    Pattern,
    Pointer,
    Pointers,
    Seconds,
    When,
)
from rushes.domain import RemoteStatus, Resolution, Shape


class Part(BaseModel):
    """A table of the document: unknown keys are refused, nothing changes after loading."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, allow_inf_nan=False, use_attribute_docstrings=True
    )


class Head(Part):
    """What the profile is, and where its facts come from."""

    name: Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]*$")]
    version: Literal[1]
    title: str
    service: str
    api: str
    source: str
    date: date
    evidence: Literal["run", "recorded", "documented"] = "documented"
    """What it was tried against: a real server, a real exchange, or documents and sources alone."""
    limits: str = ""
    """What it cannot do, in a sentence or two."""
    keeps: str = ""
    """What the service says of how long it keeps prompts and clips; empty where it says nothing."""


class Auth(Part):
    """Credentials: `{key}` and named extras. What has no value is not sent."""

    headers: CredentialHeaders = {}
    cookies: CredentialCookies = {}
    query: dict[str, CredentialText] = {}
    """For services that want their key in the address; it goes to their own origin only."""


class Defaults(Part):
    """What is asked for where the request says nothing of it."""

    model: str | None = None
    duration_s: Annotated[float, Field(gt=0, le=60)] | None = None
    aspect_ratio: Shape | None = None
    resolution: Resolution | None = None


class Variant(Part):
    """What is sent instead where the request has, or lacks, certain fields."""

    when: When
    path: AskedPath | None = None
    query: dict[str, Asked] | None = None
    headers: dict[str, Asked] | None = None
    body: Body | None = None


Values = Annotated[dict[str, Pointers], Field(max_length=4)]


class Before(Part):
    """A free request ahead of each submit, for what that must name: a session, for instance."""

    method: Method = "POST"
    path: FixedPath
    query: dict[str, Fixed] = {}
    headers: dict[str, Fixed] = {}
    body: FixedBody | None = None
    """Sent as JSON, an empty one too; without it there is none."""
    values: Values


class Submit(Part):
    """The one request that may cost money."""

    before: Before | None = None

    method: Method = "POST"
    path: AskedPath
    encoding: Literal["json", "multipart", "none"] = "json"
    query: dict[str, Asked] = {}
    headers: dict[str, Asked] = {}
    body: Body = {}
    variants: tuple[Variant, ...] = ()
    """The first whose condition holds goes before what is said here."""
    append: tuple[AskedText, ...] = ()
    """Texts that go behind the prompt, each only where all its values are there."""
    defaults: Defaults = Defaults()
    answer: Literal["job", "clip"] = "job"
    """What comes back: a job to be followed, or after a while the clip itself."""
    timeout_s: Seconds = 60


class HeaderText(Part):
    """A text in a header: all of it, or the last match of `pattern`, or that's first group."""

    name: str
    pattern: Pattern | None = None


class ExtractHeaders(Part):
    """What the headers of an answer to a submit tell where its body does not."""

    id: HeaderText | None = None
    urls: dict[str, str] = {}
    """Addresses for later calls by the names of headers, such as `status = "Location"`."""


class Extract(Part):
    """Where an answer to a submit or a poll says what."""

    id: Pointers = ()
    headers: ExtractHeaders = ExtractHeaders()
    urls: dict[str, Pointers] = {}
    """Addresses for later calls, named `{urls.x}`; `clip` is where the clip lies."""
    values: Values = {}
    """Other short texts for later calls, named `{values.x}`: a file's id, for instance."""
    thumbnail: Pointers = ()
    """Where the address of a still picture stands."""
    effective_prompt: Pointers = ()

    @model_validator(mode="after")
    def _finds_the_job(self) -> Extract:
        if not self.id and self.headers.id is None:
            raise ValueError("a job needs an id: id or headers.id says where it stands")
        return self


class Call(Part):
    """A request about a job that the backend knows."""

    method: Method = "GET"
    path: KnownPath
    query: dict[str, Known] = {}
    headers: dict[str, Known] = {}
    body: KnownBody = {}
    """Sent as JSON; without one there is none."""


class Select(Part):
    """The entry of a list: the first or last whose pointers hold just these texts."""

    array: Pointer
    where: dict[Pointer, Known] = {}
    take: Literal["first", "last"] = "first"
    missing: Literal["gone", "out_of_sight"] = "gone"
    """What it means that there is no such entry: the job is lost, or only not shown now."""


class Poll(Call):
    """How to ask how it stands, and how often."""

    select: Select | None = None
    """Where the answer is a list: which entry is the job. All pointers start there."""

    first_s: Seconds = 2
    factor: Annotated[float, Field(ge=1, le=5)] = 1.5
    max_s: Seconds = 15
    interval_header_ms: str | None = None
    """A response header with the wait that the backend proposes, in milliseconds."""


class Condition(Part):
    """A test of an answer; everything that is given must hold."""

    exists: Pointer | None = None
    """There, and not null."""
    empty: Pointer | None = None
    """Absent, null, or without content."""
    path: Pointer | None = None
    equals: JsonValue = None
    """`path` holds just this value."""

    @model_validator(mode="after")
    def _tests_something(self) -> Condition:
        has_pair = {"path", "equals"} <= self.model_fields_set
        is_half = not has_pair and not self.model_fields_set.isdisjoint({"path", "equals"})
        if is_half or not (has_pair or self.exists is not None or self.empty is not None):
            raise ValueError("a condition needs exists, empty, or path with equals")
        return self


class StateRule(Condition):
    """A state that goes before the map."""

    state: RemoteStatus
    kind: Kind | None = None
    message: Pointers = ()


class State(Part):
    """The state of a job: rules in their order, then the word at `path` through the map."""

    path: Pointers = ()
    map: dict[str, RemoteStatus] = {}
    http: Annotated[dict[int, RemoteStatus], HttpStates] = {}
    """For services that tell it by the status of their answer to a poll: goes before the map."""
    missing: RemoteStatus = RemoteStatus.IN_PROGRESS
    unknown: RemoteStatus = RemoteStatus.IN_PROGRESS
    rules: tuple[StateRule, ...] = ()


class Progress(Part):
    """How far it is; `scale` is the value that means done."""

    path: Pointers = ()
    pattern: Pattern | None = None
    """Where the place holds prose, such as a log: its last match, or the first group of that."""
    scale: Annotated[float, Field(gt=0)] = 100
    eta_s: Pointers = ()
    """Where the service says how many seconds it still expects to need."""
    queue_position: Pointers = ()
    queue_pattern: Pattern | None = None


class Classify(Part):
    """An error is of `kind` where everything that is given holds."""

    http: tuple[int, ...] = ()
    code: tuple[str, ...] = ()
    code_pattern: Pattern | None = None
    message: Pattern | None = None
    kind: Kind
    executed: StrictBool | None = None
    """False: a submit that is answered so was turned away and may be sent again."""

    @model_validator(mode="after")
    def _tests_something(self) -> Classify:
        if not (self.http or self.code or self.code_pattern or self.message):
            raise ValueError("a kind needs http, code, code_pattern or message, else it is of all")
        return self


class Errors(Part):
    """Where an error says what it is, and what that means."""

    code: Pointers = ()
    message: Pointers = ()
    wait: Pointers = ()
    """Where it says how long to wait: seconds, or a text with a number and an s such as 3.5s."""
    omit: Pattern | None = None
    """What of a message is not shown, such as the number of a request."""
    classify: tuple[Classify, ...] = ()


class Ok(Part):
    """The test that a 2xx answer passes unless it is an error in disguise."""

    path: Pointer
    equals: JsonValue
    missing: StrictBool = True
    """Whether an answer without that place passes."""


class Step(Call):
    """A request between the end of a job and its clip, and what its answer tells."""

    urls: dict[str, Pointers] = {}
    values: Values = {}


class Reply(Part):
    """What an answer in JSON, where a clip was asked for, holds of it."""

    base64: ClipPointers = ()
    """Where it holds the clip itself; an address at such a place is passed over."""
    json_url: Pointers = ()
    """Where it holds the clip's address."""
    url_auth: Literal["never", "same_origin"] = "never"
    """Whether credentials go to an address that an answer gave, if it is of our origin."""
    accept: str = "video/*, application/octet-stream;q=0.9, */*;q=0.1"


class Result(Reply):
    """Where the clip is: at `path`, or at an address that the job's answer gives."""

    path: KnownPlace | None = None
    method: Method = "GET"
    body: KnownBody = {}
    """For services that are asked for a clip as for anything else: sent to `path` as JSON."""
    steps: Annotated[tuple[Step, ...], Field(max_length=3)] = ()
    """Made in their order, each time the clip is to be fetched."""
    thumbnail: KnownPlace | None = None
    """The address of a still picture, where the service has one for each clip."""
    auth: Literal["never", "same_origin"] = "same_origin"


class Cancel(Call):
    """How to stop a job, and what proves that it stopped; without a proof we only stop waiting."""

    method: Method = "DELETE"
    confirmed: Condition | None = None
    """The answer that says so."""
    confirmed_by_state: StrictBool = False
    """Whether the job, asked after how it stands, tells the state `cancelled` once it stopped."""
    also_deletes: StrictBool = False
    """Whether a job that has ended is deleted by the same request, with the same answer: it is
    asked before how it stands, and left alone if it has ended."""

    @property
    def may_delete(self) -> bool:
        """Whether the request could delete a whole clip: nobody may send it without a look."""
        return self.also_deletes or self.confirmed_by_state


class Find(Part):
    """How to look a job up by our own key: in a list, the entry that bears it at `key`."""

    method: Method = "GET"
    path: AskedPath
    query: dict[str, Asked] = {}
    headers: dict[str, Asked] = {}
    body: Body = {}
    array: Pointer
    key: Pointer


class Check(Part):
    """A harmless request that proves server, path and key."""

    method: Method = "GET"
    path: FixedPath
    query: dict[str, Fixed] = {}
    body: FixedBody | None = None
    """Sent as JSON, an empty one too; without it there is none."""
    http: tuple[int, ...] = ()
    """Statuses beside 2xx with which a server that fits may answer."""
    expect: Pointers = ()
    """One of these is in such an answer of a server that fits the profile."""
    url_ends: str | None = None
    """How the configured URL usually ends, for the advice when the path is wrong."""
