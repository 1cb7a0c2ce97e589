"""A language model for a real MLServer that says words: one token a word; each request becomes a line in LOG_FILE."""

import json
import os

from mlserver import MLModel
from mlserver.types import InferenceRequest, InferenceResponse, ResponseOutput


class WordModel(MLModel):
    async def load(self) -> bool:
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        given = {tensor.name: tensor.data.root[0] for tensor in payload.inputs}
        prompt = given["text_input"]
        prompt = prompt.decode("utf-8") if isinstance(prompt, bytes) else prompt
        output = max(int(given.get("min_tokens", 0)), min(int(given.get("max_tokens", 16)), 5))
        with open(os.environ["LOG_FILE"], "a", encoding="utf-8") as file:
            file.write(json.dumps({"input": len(prompt.split()), "output": output}) + "\n")
        text = " ".join(["word"] * output)
        return InferenceResponse(
            model_name=self.name,
            outputs=[
                ResponseOutput(name="text_output", shape=[1], datatype="BYTES", data=[text]),
                ResponseOutput(name="num_input_tokens", shape=[1], datatype="INT32", data=[len(prompt.split())]),
                ResponseOutput(name="num_output_tokens", shape=[1], datatype="INT32", data=[output]),
            ],
        )
