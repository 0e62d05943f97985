"""The formats of messages that are read; the first that holds a message reads it."""

from quickstudy.adapters.traces.formats.anthropic import ANTHROPIC
from quickstudy.adapters.traces.formats.bedrock import BEDROCK
from quickstudy.adapters.traces.formats.chat import CHAT
from quickstudy.adapters.traces.formats.google import GOOGLE
from quickstudy.adapters.traces.formats.langchain import LANGCHAIN
from quickstudy.adapters.traces.formats.pydantic_ai import PYDANTIC_AI
from quickstudy.adapters.traces.formats.responses import RESPONSES
from quickstudy.adapters.traces.formats.semconv import SEMCONV
from quickstudy.adapters.traces.formats.vercel import VERCEL

FORMATS = (LANGCHAIN, RESPONSES, CHAT, ANTHROPIC, VERCEL, BEDROCK, GOOGLE, SEMCONV, PYDANTIC_AI)
