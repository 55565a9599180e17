"""Every number of the supervisor, once, with its unit in the name and its purpose beside it.

Each stands below the heading of the room that uses it; of several rooms it is the first, or the one it belongs to.
The reference backend has its own, in ``backend/settings.py`` and ``backend/smalltalk/limits.py``.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Final

from stui_supervisor.errors import ConfigurationError

# The vocabulary that every room may use: settings, profiles, summaries.
RECENT_ENDPOINTS_KEPT: Final = 5  # of a profile; what STUI offers beside its favourites
INTEGER_DIGITS_ALWAYS_READ: Final = 640  # the lowest limit that a program can set for Python
PROFILE_NAME_MAX_LENGTH: Final = 64  # it becomes part of file names and log lines
SETTING_MIN_S: Final = 0.001  # of each time that a program may tune; a shorter one keeps a processor busy
SETTING_MAX_S: Final = 1_000_000.0  # eleven days; libzmq counts milliseconds in 31 bits

# wire: what STUI allows on the wire, and what reading it may cost.
MESSAGE_MAX_BYTES: Final = 10_000_000  # STUI's limit for one message, either way
MESSAGE_MAX_DEPTH: Final = 64  # nesting of what a backend may send; a screen shows far less
REPLY_MAX_VALUES: Final = 100_000  # in a large reply; small values take 30 times their bytes of memory, a text 8 times
VALUES_COUNTED_FROM_BYTES: Final = 2_000_000  # a context of many small values has to come back, and is smaller
INTEGER_MAX_DIGITS: Final = 4_300  # of a number on the wire or in the context; longer ones take quadratic time to read
VALUE_BYTES: Final = 72  # what a parsed JSON value takes beside its text, at most: an empty object in a list
NOTIFICATION_MAX_BYTES: Final = 64_000  # of one; read in a few ms, and a slow reader's queue may hold 1,000 of them

# context: the work context, its deletions, and the copy of it in the image.
CONTEXT_MAX_BYTES: Final = 1_000_000  # STUI's target: a session stays below 1 MB on disk
CONTEXT_MAX_DEPTH: Final = 56  # nesting of one section; leaves room for the message that carries it
COPY_MAX_BYTES: Final = 2_000_000  # of an image's copy; a snapshot file holds it beside a whole context of our own
SECTION_NAME_MAX_LENGTH: Final = 128  # of a section's name, and of a writer's
SECTION_OVERHEAD_BYTES: Final = 64  # what each section costs beside its name and value
SECTIONS_MAX: Final = 10_000  # of a context; more than any client has, and few enough for a turn of the loop to list
TURN_BYTES: Final = 50_000  # of a context that one turn of the event loop merges or encodes: about a millisecond
SECTION_TURN_BYTES: Final = 1_000  # and what each section counts for beside its value
LISTED_BYTES: Final = 10  # and where sections are listed only
KNOWN_COPIES: Final = 20  # earlier values of a section that are known again in an image which has an old copy
FOREIGN_COUNTER_MAX: Final = 2**52  # of an image's copy; leaves room above it for every change made here
SHARED_COUNTER_MAX: Final = 2**32  # of one for several older deletions: every new section begins above it
PUSH_TRACES: Final = 256  # of pushes, told apart: a server that merges objects soon has several of them
TOMBSTONES_KEPT: Final = 1_000  # deleted sections remembered one by one, so that older copies do not bring them back
DELETIONS_IN_ONE: Final = 8  # older ones that share a section; as many as the length of its name allows
DELETION_DIGEST_BYTES: Final = 6  # 10,000 names and as many deletions meet by chance once in three million times
TOMBSTONES_FOLDED: Final = 64  # of the oldest beyond these at a time: looking for them takes a look at every section
SHARED_DELETIONS_KEPT: Final = 5_000  # for eight older deletions each: 40,000 in under 1 MB of a context file
DELETIONS_MAX: Final = TOMBSTONES_KEPT + TOMBSTONES_FOLDED + SHARED_DELETIONS_KEPT  # sections that stand for some
KNOWN_COPIES_SENT: Final = 3  # of a deleted section, in what is pushed: a server that merges gives back the last ones

# status: until when a run lived, and which problems are worth showing.
SIGN_OF_LIFE_S: Final = 60.0  # so often a run sets a time on the disk: after a kill it says until when it lived
PROBLEM_SHOWN_AFTER_S: Final = 1.0  # what is wrong for less is in no status

# security: tokens, how they are masked, and keys.
TOKEN_MIN_LENGTH: Final = 16  # characters that STUI asks for
TOKEN_MAX_LENGTH: Final = 8_192  # characters; it travels in every ping
SECRETS_MASKED: Final = 16  # that were in use last are masked; a program may give a new token each time
MASKED_ANYWHERE_FROM: Final = 8  # bytes; a shorter token is masked as a whole word only, or ordinary words would go too
MASKED_AS_A_WORD_FROM: Final = 4  # bytes; one below this is no secret, and masked only where nothing else is said
ESCAPES_UNDONE: Final = 50_000  # in one text that is looked through for a token, 50 ms; one with more is masked whole
ESCAPES_UNDONE_ROUNDS: Final = 8  # JSON within JSON within a percent-encoded address has three
LOOKED_THROUGH_MAX_BYTES: Final = 1_000_000  # of one text, for a token, 0.1 s; a larger one is not shown at all
NESTED_MAX_BYTES: Final = 20_000  # of a text that is looked through for rarer spellings, such as base64 of base64
QUOTING_MAX_BYTES: Final = 20_000  # of an answer that quotes a token, beside the work: no honest one is larger
MASKED_NAME_DIGEST_LENGTH: Final = 16  # digits; enough to tell the names apart that quote a token
MASKED_NAME_MAX_LENGTH: Final = 150  # of what is shown of a name that quotes a token, as JSON; a digest follows

# peer: what is known of an image, and how often it is asked.
IDENTITY_MAX_BYTES: Final = 256  # of what names an image or a client; a longer name is its SHA-256
SESSION_ID_MAX_BYTES: Final = 4_096  # of a backend's session, as JSON; it travels with every push
SESSION_ID_STORED_MAX_BYTES: Final = 512  # of the same in the record; a longer one serves this run only
LOOK_RETRY_S: Final = 1.0  # an image that answers who it is with an error is asked again after this
LOOKS_REFUSED_MAX: Final = 3  # such errors in a row, while something waits; then the link is made anew
UPTIME_ROUNDED_S: Final = 1.0  # some images report their uptime in whole seconds

# session: what is kept of a session, and for how long.
COPY_HOURS: Final = 24  # of each of the latest hours with copies of the work the last one is kept
COPY_DAYS: Final = 30  # and of each of the latest days
COPIES_MAX_BYTES: Final = 10_000_000  # of a session's older contexts, and again of its snapshots: 20 MB together
SESSIONS_KEPT: Final = 3  # of a profile and an image, the last with work, whatever their age: clocks may be wrong
IMAGES_KEPT: Final = 200  # of a profile, the last with work, whose sessions stay so; some servers name ever new ones

# requests: requests, their deadlines and their replies.
COPY_MAX_VALUES: Final = 900_000  # in a reply that may bring a context: a full one of empty lists has fewer
DEADLINE_MAX_S: Final = 86_400.0  # the backend is told of no later deadline; nobody waits for such a one
TIMES_MAY_BE_EARLY_S: Final = 0.002  # a reply's time and a deadline are each cut to the millisecond
WHOLE_SECONDS_MAY_BE_EARLY_S: Final = 1.0  # a reply's time without a fraction may be cut to the second
SENDINGS_MAX: Final = 3  # of a repeatable request that loses its link each time; it may be the cause

# replication: when the image's copy of the work is asked for again.
SESSION_RETRY_S: Final = 60.0  # a session that the backend denied is asked for again after this, then twice as long
PASSING_RETRY_S: Final = 5.0  # what an image did not manage is asked for again after this, then twice as long
COPY_GIVEN_UP_S: Final = 3_600.0  # a copy that is not given for so long is none: by then servers end its session
PUSHES_UNTOLD: Final = 3  # that fail in a row before somebody is told

# health: what heartbeats, uploads and pings tell of a link.
FRAME_SMALL_BYTES: Final = 255  # ZMTP: a frame up to this has a size of one byte, a larger one of eight
UPLOAD_MIN_BYTES: Final = 2_048  # acknowledged in a row; a heartbeat may have to wait behind so much on a slow line
UPLOAD_MIN_BYTES_PER_S: Final = 62_500  # 0.5 Mbit/s: the slowest line behind a tunnel that is waited for
HEARTBEATS_HEARD: Final = 2  # arrivals without a reply that make heartbeats; one may be anything
HEARTBEAT_MAX_BYTES: Final = 64  # between two looks: two ZMTP PONGs, or one that is encrypted
HEARTBEAT_LATE_S: Final = 0.1  # an idle link is looked at so long after a second heartbeat was to come
SLOW_PINGS: Final = 2  # in a row make a slow image; one may be an accident
EXPIRY_GRACE_S: Final = 0.2  # what came while this process was held up is heard before a request is over

# link: making a link.
HANDSHAKE_PINGS_MAX: Final = 4  # two dialects, each tried again once the other has shown itself
HANDSHAKE_SILENCES: Final = 2  # handshake_notice_s each; then a ping asks whether a reply got lost
PASSING_TRIES: Final = 3  # of what an image did not manage this time, before a handshake goes on without it
ERROR_TEXT_MAX_LENGTH: Final = 400  # characters of an error's text in the status; the record is one page
KEY_REFUSALS_MAX: Final = 3  # handshakes refused in a row; fewer may be a backend that is just ending
PROBE_PAUSE_S: Final = 1.0  # between two probes, or attempts ahead of their time, for waking and moving

# notifications: the subscription, and what may have been missed.
NOTIFICATIONS_HEARTBEAT_INTERVAL_S: Final = 5.0  # ZMTP PING to the publisher; costs a fifth of the link's own
NOTIFICATIONS_HEARTBEAT_TIMEOUT_S: Final = 15.0  # a publisher that is silent for so long is gone
NOTIFICATIONS_GRACE_S: Final = 1.0  # a publisher that is away for no longer makes nobody deaf, and is no problem
NOTIFICATIONS_NEW_S: Final = 60.0  # an image that has just begun may begin to publish within this
NOTIFICATIONS_RETRY_S: Final = 2.0  # where nobody has published yet it is tried again within this meanwhile
NOTIFICATIONS_RETRY_MAX_S: Final = 30.0  # and where nobody has ever published, within this
NOTIFICATIONS_SETTLE_S: Final = 0.25  # beside the delay: a busy publisher has made a new subscription its own by then
NOTIFICATIONS_LOOK_S: Final = 1.0  # the shortest time between two looks at a subscription
NOTIFICATIONS_KEPT_IMAGES: Final = 16  # of a run, for which it is known when they were heard last
CROWD_CALM_S: Final = 0.25  # a crowd is over when nothing has come for so long
CROWD_MAX_S: Final = 2.0  # one that goes on is told so often
HELD_UP_BYTES: Final = 32_768  # that come after this process stood still: what a system has room for at least
HELD_UP_S: Final = 1.0  # what had waited meanwhile has come after this
STALL_S: Final = 0.5  # a look that comes so late was held up by this process; it judges nothing
LINK_GRACE_S: Final = 1.0  # a link that does not report the end of its own attempt is given up after this

# core: when the core acts by itself.
STORE_SILENT_S: Final = 2.0  # a disk that has not taken a save within this is told of
SESSION_OLD_S: Final = 300.0  # how often STUI's server clears away what has expired; its number may be given again then
LOOK_OLD_S: Final = 10.0  # an image that said who it is so long ago is asked again before anything of the user is sent
LOOK_LONG_WAIT_S: Final = 0.12  # in a wait as long as this it is seen once whether anybody listens still
LOOKOUT_RENEWED_S: Final = 30.0  # looks at an endpoint of this machine are begun anew, should they ever have ended
LAST_PUSH_S: Final = 0.3  # the image's answer to the last push may hold up the end of the program for so long

# adapters.host: threads, event loops and the network of this machine.
NETWORK_SETTLE_S: Final = 0.25  # what a network says within this after a first change belongs to it
NETWORK_LOOK_S: Final = 5.0  # where the system does not tell of changes; a look takes some 50 µs
LOOP_LEFT_S: Final = 2.0  # an event loop that stands for so long is not waited for
THREAD_END_S: Final = 0.1  # a thread that has nothing left to do ends within this
THREAD_END_LOOK_S: Final = 0.0005  # whether it has ended is looked at so often
THREAD_REST_S: Final = 1.0  # one that has had nothing to do for so long ends; a new one takes some 100 µs

# adapters.zmq: sockets, what they may take in, and looks at an endpoint.
RECEIVE_QUEUE_LENGTH: Final = 8  # messages that libzmq may hold for us, each up to 10 MB; one reply is expected
UNFINISHED_MAX_BYTES: Final = 20_000_000  # come since the last whole message; libzmq limits each frame, not how many
FRAMES_MAX: Final = 16  # of a message; STUI's have three at most, and each frame costs the loop a call
HANDSHAKE_MAX_BYTES: Final = 100_000  # come before the handshake is over; the longest one takes a few thousand
INTAKE_LOOK_S: Final = 0.015  # how often a message that comes is looked at; a local peer sends 30 MB in that
CROWDED_PART: Final = 0.01  # of the bytes on the way that are heads of frames; more is no message of STUI's
CROWDED_FROM_BYTES: Final = 1_000  # seen at once; fewer tell nothing
CROWDED_LOOKS: Final = 3  # so many see it where nothing is counted: one may see whole messages that wait for libzmq
PEEK_BYTES: Final = 65_536  # looked into at a time
CROWDED_READ_BYTES: Final = 128_000  # of an unfinished message, before its heads are counted
STREAM_LOOKS: Final = 10  # where nothing is counted: of so many looks in a row
STREAM_PART: Final = 0.25  # so many saw something; while an image computes, none does
STREAM_GROWTH_BYTES: Final = 150_000_000  # by which the process has grown meanwhile
LOOP_TURN_S: Final = 0.002  # a flood of messages keeps the event loop for so long at a time
RECONNECT_NEVER_MS: Final = 1_000_000_000  # before libzmq itself would connect again: eleven days, or twice that
ZMQ_SOCKETS_MAX: Final = 8_192  # of the process's context; a link has two, a subscription too, and some while changing
NOTIFICATIONS_QUEUE_LENGTH: Final = 64  # that libzmq may hold for us, each up to 10 MB; the system holds more
NOTIFICATIONS_WAITING_BYTES: Final = 32_000_000  # of what is read already and waits for its turn
NOTIFICATION_OVERHEAD_BYTES: Final = 300  # what each of these takes beside its own bytes
HAND_ON_S: Final = 0.001  # what was read is handed on for so long at a time
HAND_ON_WHILE_READING_S: Final = 0.0003  # and while more comes: what is not read yet may be lost, what is read is not
CROWD: Final = 500  # half of a publisher's queue: as many without a moment's rest, and some may have had no room
CROWD_S: Final = 0.125  # as many within this are a crowd too: a publisher may have had no room for them
STAGGER_S: Final = 0.25  # between two tries of one attempt, at the next address or the same (RFC 8305)
NAME_KEPT_S: Final = 10.0  # an answer that was late serves attempts so long; above the longest wait between two
NAME_ASKED_AGAIN_S: Final = 6.0  # a name is asked for beside a question this old, then twice as old, and so on
ZMQ_DESCRIPTORS: Final = 16  # that a new context and its first sockets need, with some to spare
LOOK_MIN_S: Final = 0.05  # between two looks at an endpoint of this machine where nobody listens
LOOK_MAX_S: Final = 0.06  # what a person does not notice; a look takes some 50 µs
LOOK_ANSWER_S: Final = 0.002  # a look that is not answered at once is asked for its answer so soon
LOOK_PENDING_S: Final = 3.0  # Windows refuses a connection only after 2 s; nobody else lets a look wait
LOOK_NAME_S: Final = 5.0  # the addresses that are looked at are asked for so often
LOOK_SPREAD_S: Final = 0.0005  # times the links that wait for one endpoint: they do not all come at once
SAID_MAX_LENGTH: Final = 40  # of what a peer says that is no ZeroMQ, in an error
GREETING_WAIT_S: Final = 0.5  # a ZeroMQ peer greets at once, however busy its image is

# adapters.keyring: the system's keyring.
WINDOWS_SECRET_MAX_LENGTH: Final = 1_280  # characters that the keyring of Windows holds

# adapters.files: files, locks and the quarantine.
DISK_TRIES: Final = 3  # what a disk refuses to say is asked again so often, before anything is decided without it
DISK_TRY_S: Final = 0.02  # and with such a pause
LOCK_POLL_S: Final = 0.005  # a lock that is waited for is tried so often
DENIED_RETRY_S: Final = 0.5  # Windows: a scanner that holds a file lets go within this
QUARANTINE_MAX_FILES: Final = 20  # damaged files kept for support; older ones go

# adapters.sessions: the files of the sessions.
CONTEXT_FILE_MAX_BYTES: Final = 5_000_000  # what is read of a context file; restored and new work may add up
KNOWN_COPIES_STORED: Final = 40_000  # earlier values in a context file: 440 KB, which count for no other limit
RECORD_MAX_BYTES: Final = 4_096  # one page: the endpoint file is written on every transition
IMAGE_TEXT_MAX_BYTES: Final = 300  # of an image's name in the record, as JSON; one full of escapes is its SHA-256
SEQ_BELIEVED_MAX: Final = 10**12  # of a file: a thousand saves a second for thirty years; above it is brought down
SEQ_MAX: Final = 10**18 - 1  # of a file that is read; a name has 18 digits for it
GENERATIONS_KEPT: Final = 3  # of each file of a session: the newest and two to fall back on
SNAPSHOTS_KEPT: Final = 100  # of a session: copies that lost against a newer one, before they are thinned
SESSION_KEPT_DAYS: Final = 30.0  # STUI's target: a session that nobody used for so long is cleaned up
SESSIONS_CLEANED: Final = 10  # after one start, one with each save; after the next one it goes on
EMPTY_SESSIONS_KEPT: Final = 20  # of a profile, free and without work; each window opened beside others leaves one
TURN_MAX: Final = 10**15  # of a session in the order of saving; nobody lives to see it
ORDER_WAIT_S: Final = 0.1  # a save after one of another session waits so long for its turn, then takes one anyway
ORDER_MAX_BYTES: Final = 65_536  # of the file that knows the last turn and what was chosen
PROFILES_CHOSEN_FOR: Final = 100  # whose next session a person chose; each takes some 100 bytes
HEADER_MAX_BYTES: Final = 2_048  # the first line of a stored file
CLAIMS_PUT_OFF: Final = 2  # that fail while the disk does not give what is there; the next one goes on without it
CLAIM_WAIT_S: Final = 0.5  # a claim waits so long for another process's claim to end, then goes on

# adapters.profiles: the file of the profiles.
PROFILES_MAX_BYTES: Final = 1_000_000  # of the file that holds every profile; one takes a few hundred
PROFILES_WAIT_S: Final = 10.0  # a command that changes a profile waits so long for the others that do
RECENT_WAIT_S: Final = 0.1  # a supervisor waits so long to note an endpoint

# adapters.journal: a day without a backend stays below 200 lines, and no text from outside fills the file.
JOURNAL_QUEUE_LENGTH: Final = 2_000  # events that a slow disk may lag behind; more are dropped and counted
JOURNAL_TEXT_MAX_LENGTH: Final = 1_000  # characters of one text in a line
JOURNAL_LINES_IN_FULL: Final = 5  # of equal kind since the last transition; the rest is summarised
JOURNAL_SUMMARY_FIRST_S: Final = 10.0  # the first summary covers so long, each next one twice as long
JOURNAL_SUMMARY_MAX_S: Final = 3_600.0  # where that growth ends
JOURNAL_SLACK: Final = 2  # a file that cannot be renamed (Windows, while it is read) grows to so many times its size
LOGS_CLEANED: Final = 20  # at each stop, of files that nobody wrote to for SESSION_KEPT_DAYS; a start makes a few
LOGS_KEPT: Final = 300  # files, of all runs; each process makes one or a few
LOGS_MAX_BYTES: Final = 50_000_000  # of all of them together
LOGS_TOLD: Final = 20  # runs without an end that one start tells of; the next one goes on
LOG_END_BYTES: Final = 4_096  # more than the last line of a run that ended takes
LOG_READ_MAX_BYTES: Final = 4_000_000  # of the log of a run that has not ended, to see where it stood
JOURNAL_CLOSE_S: Final = 0.3  # a slow disk holds up the end of the program for no longer

# runtime: the event loop, the workers and the end of a run.
PROFILE_LOOK_WAIT_S: Final = 0.2  # a new link waits so long for a look at the profile, then goes by what is known
PROFILE_LOOK_S: Final = 3.0  # while a link is wanted, it is seen so often whether somebody has changed the profile
PROFILE_LOOK_OLD_S: Final = 1.0  # with a request it is seen again when the last look is as old as this
EVENT_QUEUE_LENGTH: Final = 1_000  # what a slow reader of events() may lag behind
EVENT_QUEUE_BYTES: Final = 32_000_000  # and what that may take of memory
SLEEP_LOOK_S: Final = 2.5  # while a link is wanted the clocks are compared so often, as timers stand still during sleep
SLEEP_MIN_S: Final = 1.0  # shorter sleeps are nothing
LEAVING_LOOK_S: Final = 0.01  # a claim that waits for a supervisor of this process to end looks so often
STOP_TIMEOUT_S: Final = 0.8  # the last save may hold up the end of the program for so long
JOURNAL_ALIVE_S: Final = 60.0  # so often a log shows, without a line, that its process lives; each time costs a thread

# cli.commands: what commands take and wait for.
IMAGE_PIN_MAX_BYTES: Final = 10_000  # of a pinned name at full length, in the file of all profiles
LIVE_INTERVAL_S: Final = 0.1  # a line that changes in place changes so often
PRUNE_MAX_DAYS: Final = 100_000.0  # of --older-than; no date is much longer ago
KEYRING_PROMPT_S: Final = 60.0  # login and logout: a person may have to unlock the keyring first

# cli.console: output that nobody reads.
OUTPUT_QUEUE_LENGTH: Final = 1_000  # lines that a reader of our output may lag behind; more are dropped and counted
OUTPUT_CLOSE_S: Final = 0.5  # output that nobody reads holds up the end of the program for no longer

# cli.demo: how long each part of the demo takes.
BACKEND_START_TIMEOUT_S: Final = 10.0  # a Python process on a slow machine listens within this
DEMO_LIMIT_S: Final = 30.0  # what is promised for the whole demo
DEMO_STEP_LIMIT_S: Final = 15.0  # one step; the longest is noticing a busy image and its end
DEMO_BUSY_S: Final = 7  # longer than answer_timeout_s, so that the image is seen to be busy
DEMO_AWAY_S: Final = 2  # long enough to see a few attempts fail
DEMO_PACE_S: Final = 1.2  # before each step on a terminal: time to read the one before


@dataclass(frozen=True, slots=True)
class Settings:
    """What a program may tune; the defaults are what the documentation promises.

    Times are seconds. Raises ConfigurationError for what is out of its range, and for a ``heartbeat_interval_s`` that
    is not below ``silent_after_s`` and ``dead_after_s``: a link is silent when a heartbeat was not answered.
    """

    # The link
    attempt_timeout_s: float = 1.0  # transport and ZMTP handshake of one attempt; grows with an outage
    attempt_timeout_max_s: float = 5.0  # where that growth ends
    heartbeat_interval_s: float = 1.0  # ZMTP PING; what a frozen process does not answer
    heartbeat_timeout_s: float = 60.0  # libzmq cuts the link; in less, 10 MB over 2 Mbit/s would not be through

    # Health
    silent_after_s: float = 2.0  # no byte for so long: degraded (silent), the verdict is pending
    dead_after_s: float = 3.0  # no byte for so long: the link is lost, where the kernel can be asked
    path_look_s: float = 0.2  # the shortest time between two looks at the connection
    ping_interval_s: float = 10.0  # a STUI ping when nothing was outstanding for so long
    slow_after_s: float = 1.0  # two pings in a row took so long: degraded (slow)
    slow_ping_interval_s: float = 2.0  # a STUI ping when the one before was slow
    answer_timeout_s: float = 5.0  # no answer for so long: degraded (busy)
    health_s: float = 10.0  # connected for so long forgets earlier failures
    handshake_notice_s: float = 5.0  # an image busy during the handshake is reported after this

    # Recovery
    quick_retry_s: float = 30.0  # a backend that restarts is back within this; retry at the quick pace
    give_up_after_s: float | None = None  # recovery ends after so long; None: never

    # Requests
    link_wait_s: float = 5.0  # a request without a timeout waits so long for a link
    queue_length: int = 256  # requests waiting; one more is NotSent at once

    # Work context
    share_delay_s: float = 1.0  # the image gets a changed context when the user has paused for so long
    save_delay_s: float = 0.25  # changes are gathered for so long before they are written
    save_retry_s: float = 5.0  # a disk that failed is tried again after this
    restore_timeout_s: float = 2.0  # a slow disk delays a start by no more
    keeps_session: bool = True  # False: claim no session, neither on disk nor in the image (one-off requests)
    uses_profile: bool = True  # False: what is settled for the profile does not count in this run

    # Credentials
    credential_timeout_s: float = 2.0  # a keyring that hangs fails the attempt after this

    # Log
    journal: bool = True  # write the structured log
    journal_max_bytes: int = 1_000_000  # size of one log file before it is rotated
    journal_files: int = 3  # files kept per process and profile, the current one included

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if field.type == "bool":
                is_right = isinstance(value, bool)
            elif field.type == "int":
                is_right = isinstance(value, int) and not isinstance(value, bool) and value > 0
            else:
                is_right = _is_time(value) or (value is None and field.default is None)
            if not is_right:
                raise ConfigurationError(
                    f"Settings.{field.name} is {value!r}",
                    hint=f"give {_RIGHT[str(field.type)]}, or leave it out",
                )
        if not self.heartbeat_interval_s < min(self.silent_after_s, self.dead_after_s):
            raise ConfigurationError(
                f"Settings.heartbeat_interval_s is {self.heartbeat_interval_s:g}, "
                f"silent_after_s {self.silent_after_s:g} and dead_after_s {self.dead_after_s:g}",
                hint="give a heartbeat_interval_s below the other two",
            )


def _is_time(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and SETTING_MIN_S <= value <= SETTING_MAX_S


_TIME: Final = f"a number of seconds from {SETTING_MIN_S:g} to {SETTING_MAX_S:,.0f}"
_RIGHT: Final = {
    "bool": "True or False",
    "int": "a whole number above 0",
    "float": _TIME,
    "float | None": f"{_TIME}, or None",
}

DEFAULTS: Final = Settings()
