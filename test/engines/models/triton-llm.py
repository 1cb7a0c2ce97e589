"""A language model for a real Triton server that says words: one token a word, with the inputs and outputs of the
TensorRT-LLM ensemble or of the vLLM backend. Each request is written to LOG_FILE as a line of JSON as it ends.

Sources: config.pbtxt of the ensemble (NVIDIA/TensorRT-LLM, triton_backend/all_models/inflight_batcher_llm) and
src/model.py and src/utils/request.py of triton-inference-server/vllm_backend.
"""

import json
import threading
import time

import numpy as np
import triton_python_backend_utils as pb_utils

STEP_SEC = 0.002
# What the model says by itself before it ends, unless it is made to go on.
OWN_LENGTH_TOKENS = 5


class TritonPythonModel:
    def initialize(self, args):
        parameters = json.loads(args["model_config"])["parameters"]
        self.log_path = parameters["LOG_FILE"]["string_value"]
        self.style = parameters["STYLE"]["string_value"]
        self.is_decoupled = parameters["DECOUPLED"]["string_value"] == "yes"
        self.lock = threading.Lock()

    def execute(self, requests):
        if not self.is_decoupled:
            return [self.answer_whole(request) for request in requests]
        for request in requests:
            threading.Thread(target=self.answer_stream, args=(request,)).start()
        return None

    def answer_whole(self, request):
        asked = self.asked(request)
        self.log(asked)
        return self.response(asked, " ".join(asked["words"]), asked["output"], True)

    def answer_stream(self, request):
        sender = request.get_response_sender()
        asked = self.asked(request)
        words = asked["words"]
        if asked["stream"]:
            for i, word in enumerate(words):
                time.sleep(STEP_SEC)
                if sender.is_cancelled():
                    asked = {**asked, "cancelled": True, "output": i}
                    break
                sender.send(self.response(asked, word if i == 0 else " " + word, 1, i == len(words) - 1))
        else:
            sender.send(self.response(asked, " ".join(words), len(words), True))
        # Before the end: a client that has its answer finds it in the log.
        self.log(asked)
        sender.send(flags=pb_utils.TRITONSERVER_RESPONSE_COMPLETE_FINAL)

    def asked(self, request):
        def scalar(name, otherwise):
            tensor = pb_utils.get_input_tensor_by_name(request, name)
            if tensor is None:
                return otherwise
            value = tensor.as_numpy().reshape(-1)[0]
            return value.decode("utf-8") if isinstance(value, bytes) else value.item()

        prompt = scalar("text_input", "")
        if self.style == "vllm":
            sampling = json.loads(scalar("sampling_parameters", "{}"))
            most = sampling.get("max_tokens", 16)
            least = most if sampling.get("ignore_eos", False) else sampling.get("min_tokens", 0)
        else:
            most = scalar("max_tokens", 16)
            least = scalar("min_tokens", 0)
        output = max(least, min(most, OWN_LENGTH_TOKENS))
        words = ["word"] * output
        if self.style == "trtllm" and not scalar("exclude_input_in_output", False):
            words[0] = prompt + " " + words[0]
        return {
            "input": len(prompt.split()),
            "output": output,
            "most": most,
            "stream": scalar("stream", False),
            "finish": "length" if output == most else "stop",
            "words": words,
            "tells": [
                name
                for name in ("finish_reason", "num_input_tokens", "num_output_tokens")
                if scalar("return_" + name, False)
            ],
            "parameters": json.loads(request.parameters()),
            "cancelled": False,
        }

    def response(self, asked, text, tokens, is_last):
        outputs = [pb_utils.Tensor("text_output", np.asarray([text.encode("utf-8")], dtype=np.object_))]
        if "finish_reason" in asked["tells"]:
            # vLLM's word for "not yet" is Python's None.
            word = asked["finish"] if is_last else "None"
            outputs.append(pb_utils.Tensor("finish_reason", np.asarray([word.encode()], dtype=np.object_)))
        if "num_input_tokens" in asked["tells"]:
            outputs.append(pb_utils.Tensor("num_input_tokens", np.asarray([asked["input"]], dtype=np.uint32)))
        if "num_output_tokens" in asked["tells"]:
            outputs.append(pb_utils.Tensor("num_output_tokens", np.asarray([tokens], dtype=np.uint32)))
        return pb_utils.InferenceResponse(output_tensors=outputs)

    def log(self, asked):
        line = json.dumps({key: value for key, value in asked.items() if key != "words"})
        with self.lock, open(self.log_path, "a", encoding="utf-8") as file:
            file.write(line + "\n")
