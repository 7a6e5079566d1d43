"""Two steps of TRL's SFTTrainer and DPOTrainer on a published data set: DATA MODEL SCRATCH."""

import sys

from datasets import load_dataset
from trl import DPOConfig, DPOTrainer, SFTConfig, SFTTrainer

data, model, scratch = sys.argv[1:]
settings = {
    "output_dir": scratch,
    "max_steps": 2,
    "per_device_train_batch_size": 2,
    "report_to": "none",
    "use_cpu": True,
    "bf16": False,
    "save_strategy": "no",
}
sft = load_dataset(data, "sft", split="train")
trained = SFTTrainer(model=model, args=SFTConfig(**settings), train_dataset=sft).train()
pairs = load_dataset(data, "preferences", split="train")
preferred = DPOTrainer(model=model, args=DPOConfig(**settings), train_dataset=pairs).train()
print(
    f"SFTTrainer: {len(sft)} examples, {trained.global_step} steps; "
    f"DPOTrainer: {len(pairs)} pairs, {preferred.global_step} steps"
)
