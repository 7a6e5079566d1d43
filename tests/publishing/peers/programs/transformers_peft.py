"""Answers of published models by Transformers and PEFT.

Standard input is a list of cases, each with the folder, the base model's folder of an adapter or null, and
pairs of situation and utterance; standard output is the list of the answers of each.
"""

import json
import sys
from pathlib import Path

from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer, GenerationConfig

found = []
for folder, base, asked in json.load(sys.stdin):
    model = AutoModelForCausalLM.from_pretrained(base or folder)
    if base:
        model = PeftModel.from_pretrained(model, folder)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    prompt = Path(folder, "prompt.txt").read_text(encoding="utf-8")
    answers = []
    for situation, utterance in asked:
        text = prompt.replace("{situation}", situation).replace("{utterance}", utterance)
        inputs = tokenizer.apply_chat_template(
            [{"role": "user", "content": text}],
            add_generation_prompt=True,
            return_tensors="pt",
            return_dict=True,
        )
        output = model.generate(**inputs, generation_config=GenerationConfig.from_pretrained(folder))
        new = output[0, inputs["input_ids"].shape[1] :]
        answers.append(tokenizer.decode(new, skip_special_tokens=True).strip())
    found.append(answers)
print(json.dumps(found))
