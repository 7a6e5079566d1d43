"""Greedy answers of a GGUF file by llama.cpp, with the chat template in it.

Standard input has the file, the prompt's file, the maximum of new tokens, and pairs of situation and
utterance; standard output is the list of answers.
"""

import json
import sys
from pathlib import Path

from llama_cpp import Llama

file, prompt_file, tokens, asked = json.load(sys.stdin)
prompt = Path(prompt_file).read_text(encoding="utf-8")
model = Llama(file, n_ctx=2048, verbose=False)
answers = []
for situation, utterance in asked:
    text = prompt.replace("{situation}", situation).replace("{utterance}", utterance)
    answer = model.create_chat_completion(
        [{"role": "user", "content": text}], temperature=0.0, repeat_penalty=1.0, max_tokens=tokens
    )
    answers.append(answer["choices"][0]["message"]["content"].strip())
print(json.dumps(answers))
