# SPDX-License-Identifier: Apache-2.0
"""Damaged and hostile files: each is refused in one line that says what is wrong, where, and what to do."""

from __future__ import annotations

import hashlib
import os
import tracemalloc
from contextlib import suppress
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from fpgann.errors import ConfigError, FormatError, FpgannError, MalformedModelError, UnsupportedOperatorError
from fpgann.frontend import import_onnx, read_model
from fpgann.frontend.onnx import tables, tensors
from tests.unit.frontend.models import agree, load, model, names, node, read, tensor, value, write

W = np.eye(4, dtype=np.float32)


def refused(path: Path, kind: type[FpgannError] = MalformedModelError, **options) -> str:
    """The error of reading and importing a file, after checks that hold for all of them."""
    tracemalloc.start()
    try:
        with pytest.raises(kind) as caught:
            import_onnx(read_model(path, **options))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 50e6, f"{peak} bytes were allocated for a hostile file"
    text = str(caught.value)
    assert "\n" not in text
    assert path.name in text
    assert caught.value.hint or "cannot be built" in text  # lists have a hint for each part
    return text


def field(number: int, content: bytes) -> bytes:
    """A length-delimited field of a protobuf message."""
    head, length = bytes([*varint(number << 3 | 2)]), varint(len(content))
    return head + bytes(length) + content


def varint(number: int) -> list[int]:
    return [number] if number < 128 else [number % 128 | 128, *varint(number // 128)]


def dense(weight: onnx.TensorProto | None = None) -> onnx.ModelProto:
    return model([node("MatMul", ["x", "w"])], constants=[weight if weight is not None else tensor("w", W)])


def raw(dims, data: bytes, kind=TensorProto.FLOAT, name="w") -> onnx.TensorProto:
    return TensorProto(name=name, dims=dims, data_type=kind, raw_data=data)


class TestFiles:
    def test_missing(self, tmp_path):
        assert "no such file" in refused(tmp_path / "nothing.onnx", FormatError)

    def test_folder(self, tmp_path):
        assert "folder" in refused(tmp_path, FormatError)

    def test_empty(self, tmp_path):
        (tmp_path / "empty.onnx").touch()
        assert "empty" in refused(tmp_path / "empty.onnx")

    def test_pipe(self, tmp_path):
        os.mkfifo(tmp_path / "pipe.onnx")
        assert "no ordinary file" in refused(tmp_path / "pipe.onnx", FormatError)

    @pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
    def test_not_readable(self, tmp_path):
        path = write(tmp_path, dense())
        path.chmod(0)
        assert "cannot be read" in refused(path, FormatError)

    @pytest.mark.parametrize("content", [b"PK\x03\x04", b"\x89PNG\r\n\x1a\n", b"hello world", b"\x00" * 64, b"{}"])
    def test_other_formats(self, tmp_path, content):
        path = tmp_path / "other.onnx"
        path.write_bytes(content)
        assert "no ONNX file" in refused(path)

    def test_name_with_a_null(self):
        with pytest.raises(FormatError):
            read_model("a\0b.onnx")

    def test_every_truncation(self, tmp_path):
        """Cut anywhere, a file is refused, or still says all that matters (the end holds the opset only)."""
        data = dense().SerializeToString()
        path = tmp_path / "cut.onnx"
        for length in range(1, len(data), 3):
            path.write_bytes(data[:length])
            with pytest.raises(FpgannError) as caught:
                read_model(path)
            assert "\n" not in str(caught.value)

    def test_random_damage(self, tmp_path):
        """Whatever a flipped byte does, it never escapes as anything but an error of ours."""
        data = dense().SerializeToString()
        path = tmp_path / "flipped.onnx"
        generator = np.random.default_rng(0)
        for position in range(len(data)):
            damaged = bytearray(data)
            damaged[position] ^= int(generator.integers(1, 256))
            path.write_bytes(bytes(damaged))
            with suppress(FpgannError):
                import_onnx(read_model(path))

    def test_hash(self, tmp_path):
        path = write(tmp_path, dense())
        assert read_model(path).sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


class TestTensors:
    @pytest.mark.parametrize("bytes_", [0, 4, 60, 68])
    def test_wrong_length(self, tmp_path, bytes_):
        text = refused(write(tmp_path, dense(raw([4, 4], b"\0" * bytes_))))
        assert "initializer 'w'" in text
        assert f"needs 64 bytes, but the file holds {bytes_}" in text

    def test_wrong_number_of_floats(self, tmp_path):
        weight = TensorProto(name="w", dims=[4, 4], data_type=TensorProto.FLOAT, float_data=[1.0] * 15)
        assert "needs 16 numbers, but the file holds 15" in refused(write(tmp_path, dense(weight)))

    def test_data_in_the_wrong_field(self, tmp_path):
        weight = TensorProto(name="w", dims=[2], data_type=TensorProto.FLOAT, int64_data=[1, 2])
        assert "stands in int64_data" in refused(write(tmp_path, dense(weight)))

    def test_data_twice(self, tmp_path):
        weight = raw([1], b"\0" * 4)
        weight.float_data.append(1.0)
        assert "twice" in refused(write(tmp_path, dense(weight)))

    @pytest.mark.parametrize(
        "dims", [[2**40], [2**20, 2**20], [2**62, 2**62], [1 << 31, 1 << 31], [100_000, 100_000], [2**29]]
    )
    def test_claims_of_gigabytes(self, tmp_path, dims):
        text = refused(write(tmp_path, dense(raw(dims, b"\0" * 16))))
        assert "claims" in text or "needs" in text

    def test_many_claims_that_add_up(self, tmp_path, monkeypatch):
        """Each claim is below the limit; together they are not."""
        monkeypatch.setattr(tensors, "MAX_BYTES", 2**20)
        (tmp_path / "data").write_bytes(bytes(2**19))
        weights = []
        for i in range(3):
            weights.append(TensorProto(name=f"w{i}", dims=[2**17], data_type=TensorProto.FLOAT))
            weights[-1].data_location = TensorProto.EXTERNAL
            weights[-1].external_data.add(key="location", value="data")
        proto = model([node("Relu", ["x"])], constants=weights)
        assert "initializer 'w2'" in refused(write(tmp_path, proto))

    def test_negative_size(self, tmp_path):
        assert "negative" in refused(write(tmp_path, dense(raw([-1, 4], b""))))

    @pytest.mark.parametrize("number", [np.nan, np.inf, -np.inf])
    @pytest.mark.parametrize("kind", [np.float16, np.float32, np.float64])
    def test_not_finite(self, tmp_path, number, kind):
        weights = W.astype(kind)
        weights[2, 1] = number
        text = refused(write(tmp_path, dense(tensor("w", weights, kind))))
        assert "1 of its 16 numbers are NaN or infinite, the first at [2, 1]" in text

    def test_not_finite_in_a_constant_node(self, tmp_path):
        nodes = [node("Constant", [], ["c"], value=tensor("", [np.nan]), name="bad"), node("Add", ["x", "c"])]
        assert "node 'bad' (Constant)" in refused(write(tmp_path, model(nodes)))

    def test_constant_node_that_claims_gigabytes(self, tmp_path):
        nodes = [node("Constant", [], ["c"], value=raw([2**30, 2**30], b"")), node("Add", ["x", "c"])]
        assert "claims" in refused(write(tmp_path, model(nodes)))

    def test_tensor_in_a_subgraph(self, tmp_path):
        branch = helper.make_graph(
            [node("Constant", [], ["c"], value=raw([2**30, 2**30], b""))], "branch", [], [value("c", [1])]
        )
        nodes = [node("If", ["flag"], then_branch=branch, else_branch=branch)]
        proto = model(nodes, constants={"flag": np.array(True)})
        assert "claims" in refused(write(tmp_path, proto))

    @pytest.mark.parametrize("kind", [TensorProto.STRING, TensorProto.COMPLEX64, TensorProto.UNDEFINED, 99])
    def test_element_types(self, tmp_path, kind):
        weight = TensorProto(name="w", dims=[1], data_type=kind)
        assert "element type" in refused(write(tmp_path, dense(weight)), UnsupportedOperatorError)

    def test_string_constant(self, tmp_path):
        nodes = [node("Constant", [], ["c"], value_string="text"), node("Add", ["x", "c"])]
        refused(write(tmp_path, model(nodes)), FpgannError)

    def test_sparse_initializer(self, tmp_path):
        proto = model([node("Relu", ["x"])])
        sparse = proto.graph.sparse_initializer.add()
        sparse.values.CopyFrom(tensor("w", [1.0]))
        sparse.indices.CopyFrom(tensor("", [0], np.int64))
        sparse.dims.append(4)
        assert "sparse" in refused(write(tmp_path, proto), UnsupportedOperatorError)

    def test_sparse_constant(self, tmp_path):
        sparse = helper.make_sparse_tensor(tensor("c", [1.0]), tensor("", [0], np.int64), [4])
        nodes = [node("Constant", [], ["c"], sparse_value=sparse), node("Add", ["x", "c"])]
        assert "sparse" in refused(write(tmp_path, model(nodes)), UnsupportedOperatorError)

    @pytest.mark.parametrize(
        ("kind", "data", "stored"),
        [
            (TensorProto.INT4, b"\x21\x03", [1, 2, 3]),
            (TensorProto.BFLOAT16, np.array([0x3F80, 0x4000, 0x4040], "<u2").tobytes(), [1, 2, 3]),
        ],
    )
    def test_small_types(self, tmp_path, kind, data, stored):
        nodes = [node("Cast", ["c"], ["f"], to=TensorProto.FLOAT), node("Add", ["x", "f"])]
        graph = load(tmp_path, model(nodes, (1, 3), [raw([3], data, kind, "c")], opset=21))
        assert graph.nodes[0].op.addend.tolist() == stored


class TestExternalData:
    def proto(self, **entries) -> onnx.ModelProto:
        weight = TensorProto(name="w", dims=[4, 4], data_type=TensorProto.FLOAT)
        weight.data_location = TensorProto.EXTERNAL
        for key, text in entries.items():
            weight.external_data.add(key=key, value=str(text))
        return dense(weight)

    def test_read(self, tmp_path):
        (tmp_path / "sub").mkdir()
        (tmp_path / "sub/data.bin").write_bytes(b"head" + (2 * W).tobytes() + b"tail")
        proto = self.proto(location="sub/data.bin", offset=4, length=64)
        graph = agree(tmp_path, proto)
        assert np.array_equal(graph.nodes[0].op.weight.data, 2 * W)

    def test_data_counts_for_the_hash(self, tmp_path):
        path = write(tmp_path, self.proto(location="data.bin"))
        (tmp_path / "data.bin").write_bytes(W.tobytes())
        first = read_model(path).sha256
        (tmp_path / "data.bin").write_bytes((3 * W).tobytes())
        assert read_model(path).sha256 != first

    def test_missing(self, tmp_path):
        text = refused(write(tmp_path, self.proto(location="data.bin")))
        assert "initializer 'w'" in text
        assert "'data.bin' is missing" in text

    @pytest.mark.parametrize(
        "location",
        ["/etc/passwd", "../data.bin", "a/../../data.bin", "C:\\data.bin", "..\\data.bin", "", "a\0b"],
    )
    def test_outside_the_folder(self, tmp_path, location):
        folder = tmp_path / "model"
        folder.mkdir()
        (tmp_path / "data.bin").write_bytes(W.tobytes())
        assert "outside the model's folder" in refused(write(folder, self.proto(location=location)))

    @pytest.mark.parametrize("through_folder", [False, True])
    def test_link_that_leaves_the_folder(self, tmp_path, through_folder):
        folder, secret = tmp_path / "model", tmp_path / "secret"
        folder.mkdir()
        secret.mkdir()
        (secret / "data.bin").write_bytes(W.tobytes())
        if through_folder:
            (folder / "sub").symlink_to(secret)
        else:
            (folder / "data.bin").symlink_to(secret / "data.bin")
        location = "sub/data.bin" if through_folder else "data.bin"
        assert "leaves the model's folder" in refused(write(folder, self.proto(location=location)))

    def test_link_inside_the_folder(self, tmp_path):
        (tmp_path / "real.bin").write_bytes(W.tobytes())
        (tmp_path / "data.bin").symlink_to(tmp_path / "real.bin")
        assert names(load(tmp_path, self.proto(location="data.bin"))) == ["dense"]

    def test_circular_link(self, tmp_path):
        (tmp_path / "data.bin").symlink_to(tmp_path / "data.bin")
        refused(write(tmp_path, self.proto(location="data.bin")))

    @pytest.mark.parametrize("target", ["pipe", "folder"])
    def test_no_ordinary_file(self, tmp_path, target):
        os.mkfifo(tmp_path / "pipe")
        (tmp_path / "folder").mkdir()
        assert "missing" in refused(write(tmp_path, self.proto(location=target)))

    @pytest.mark.parametrize(
        ("entries", "message"),
        [
            ({"length": 32}, "needs 64 bytes, but its external data has 32"),
            ({"length": 2**40}, "needs 64 bytes"),
            ({"offset": 1}, "claims bytes 1 to 65 of 'data.bin', which has 64"),
            ({"offset": 2**62}, "which has 64"),
            ({"offset": -4}, "offset.*no number"),
            ({"length": "many"}, "length.*no number"),
        ],
    )
    def test_claims(self, tmp_path, entries, message):
        (tmp_path / "data.bin").write_bytes(W.tobytes())
        path = write(tmp_path, self.proto(location="data.bin", **entries))
        with pytest.raises(MalformedModelError, match=message):
            read_model(path)

    def test_cut_off(self, tmp_path):
        (tmp_path / "data.bin").write_bytes(W.tobytes()[:-1])
        assert "cut off" in refused(write(tmp_path, self.proto(location="data.bin")))


class TestFolding:
    @pytest.mark.parametrize(
        "nodes",
        [
            [node("ConstantOfShape", ["huge"], ["c"])],
            [node("Expand", ["one", "huge"], ["c"])],
            [node("Tile", ["vector", "many"], ["c"])],
            [node("Range", ["zero", "limit", "step"], ["c"])],
            [node("MatMul", ["column", "row"], ["c"])],
            [node("Add", ["column", "row"], ["c"])],
            [node("EyeLike", ["matrix"], ["e"]), node("Tile", ["e", "many2"], ["c"])],
            [node("Pad", ["vector", "pads"], ["c"])],
            [node("OneHot", ["indices", "limit_", "values"], ["c"])],
        ],
    )
    def test_constants_that_blow_up(self, tmp_path, nodes):
        constants = {
            "huge": np.array([2**20, 2**20], np.int64),
            "one": np.float32(1),
            "vector": np.ones(1000, np.float32),
            "many": np.array([10**9], np.int64),
            "many2": np.array([10**5, 10**5], np.int64),
            "zero": np.array(0, np.int64),
            "limit": np.array(10**12, np.int64),
            "limit_": np.array([10**12], np.int64),
            "step": np.array(1, np.int64),
            "column": np.ones((30_000, 1), np.float32),
            "row": np.ones((1, 30_000), np.float32),
            "matrix": np.ones((3, 3), np.float32),
            "pads": np.array([0, 10**12], np.int64),
            "indices": np.zeros(10, np.int64),
            "values": np.array([0, 1], np.float32),
        }
        used = {name: constants[name] for n in nodes for name in n.input if name in constants}
        refused(write(tmp_path, model([*nodes, node("Add", ["x", "c"])], constants=used)), FpgannError)

    def test_doubling_chain(self, tmp_path, monkeypatch):
        """Forty concatenations of a constant with itself."""
        monkeypatch.setattr(tables, "MAX_FOLDED_ELEMENTS", 2**20)
        nodes = [node("Concat", [f"c{i}", f"c{i}"], [f"c{i + 1}"], axis=0) for i in range(40)]
        nodes.append(node("Add", ["x", "c40"]))
        proto = model(nodes, constants={"c0": np.ones(1000, np.float32)})
        assert "too large" in refused(write(tmp_path, proto))

    def test_broadcast_chain_of_values(self, tmp_path):
        constants = {f"c{i}": np.ones([1000 if j == i else 1 for j in range(5)], np.float32) for i in range(5)}
        nodes = [node("Add", ["x" if i == 0 else f"v{i}", f"c{i}"], [f"v{i + 1}"]) for i in range(5)]
        proto = model(nodes, (1, 1, 1, 1, 1), constants, outputs=("v5",))
        assert "too large" in refused(write(tmp_path, proto), UnsupportedOperatorError)

    def test_random_constants(self, tmp_path):
        nodes = [node("RandomNormal", [], ["c"], shape=[4]), node("Add", ["x", "c"])]
        refused(write(tmp_path, model(nodes)), UnsupportedOperatorError)

    def test_endless_loop(self, tmp_path):
        body = helper.make_graph(
            [node("Identity", ["go"], ["go_on"]), node("Identity", ["v"], ["w"])],
            "body",
            [value("i", [], TensorProto.INT64), value("go", [], TensorProto.BOOL), value("v", [4])],
            [value("go_on", [], TensorProto.BOOL), value("w", [4])],
        )
        nodes = [node("Loop", ["", "true", "c"], ["l"], body=body), node("Add", ["x", "l"])]
        constants = {"true": np.array(True), "c": np.ones(4, np.float32)}
        assert "Loop" in refused(write(tmp_path, model(nodes, constants=constants)), UnsupportedOperatorError)

    def test_many_quantizers_of_a_large_constant(self, tmp_path, monkeypatch):
        monkeypatch.setattr(tables, "MAX_FOLDED_ELEMENTS", 2**22)
        large = np.zeros(2**20, np.float32)
        given = {"c0": large, "s": np.float32(1), "z": np.float32(0), "b": np.float32(4)}
        domain = "qonnx.custom_op.general"
        nodes = [node("Quant", [f"c{i}", "s", "z", "b"], [f"c{i + 1}"], domain=domain) for i in range(300)]
        proto = model([*nodes, node("Add", ["x", "c300"])], (1, 2**20), given)
        with pytest.raises(MalformedModelError, match="too large"):
            import_onnx(read_model(write(tmp_path, proto)))


class TestShapes:
    @pytest.mark.parametrize(
        ("shape", "message"),
        [
            ((1, "length"), r"axis 1 \('length'\) is not fixed"),
            (("n", 3, "h", "w"), r"axis 2 \('h'\), axis 3 \('w'\)"),
            ((1, None), "axis 1 is not fixed"),
            ((1, 0), "axis 1 is not fixed"),
        ],
    )
    def test_open_sizes(self, tmp_path, shape, message):
        with pytest.raises(UnsupportedOperatorError, match=f"input 'x': the size of {message}.*--input-shape"):
            read(tmp_path, model([node("Relu", ["x"])], shape))

    @pytest.mark.parametrize("batch", ["n", None, 0, -1])
    def test_open_batch(self, tmp_path, batch):
        (port,) = read(tmp_path, model([node("Relu", ["x"])], (batch, 4))).inputs
        assert (port.shape, port.batched) == ((1, 4), True)

    def test_fixed_batch(self, tmp_path):
        (port,) = read(tmp_path, model([node("Relu", ["x"])], (3, 2))).inputs
        assert (port.shape, port.batched) == ((3, 2), False)

    def test_no_shape(self, tmp_path):
        inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, None)]
        assert "shape is not given" in refused(write(tmp_path, model([node("Relu", ["x"])], inputs=inputs)))

    def test_sequences(self, tmp_path):
        inputs = [helper.make_tensor_sequence_value_info("x", TensorProto.FLOAT, [1])]
        proto = model([node("SequenceLength", ["x"])], inputs=inputs)
        assert "sequence_type" in refused(write(tmp_path, proto), UnsupportedOperatorError)

    @pytest.mark.parametrize("shape", [(789_444, 16), (1, 2**40), (2**40, 2**40)])
    def test_huge_input(self, tmp_path, shape):
        proto = model([node("Relu", ["x"])], shape)
        assert "--input-shape" in refused(write(tmp_path, proto), UnsupportedOperatorError)

    def test_given_shapes(self, tmp_path):
        proto = model([node("Relu", ["x"])], ("n", "length"))
        (port,) = read(tmp_path, proto, input_shapes={"x": (1, 7)}).inputs
        assert port.shape == (1, 7)
        proto = model([node("Gemm", ["x", "w"])], (1000, 4), {"w": W})
        assert import_onnx(read(tmp_path, proto, input_shapes={"x": [1, 4]})).types["y"].shape == (1, 4)

    @pytest.mark.parametrize(
        ("given", "message"),
        [
            ({"z": (1, 4)}, "no input 'z'"),
            ({"x": (1, 5)}, "does not fit"),
            ({"x": (4,)}, "fit"),
            ({"x": (0, 4)}, "fit"),
        ],
    )
    def test_given_shapes_that_do_not_fit(self, tmp_path, given, message):
        with pytest.raises(ConfigError, match=message):
            read(tmp_path, model([node("Relu", ["x"])], ("n", 4)), input_shapes=given)


class TestGraphs:
    def test_no_outputs(self, tmp_path):
        assert "no outputs" in refused(write(tmp_path, model([node("Relu", ["x"])], outputs=())))

    def test_no_inputs(self, tmp_path):
        proto = model([node("Relu", ["w"])], constants={"w": W}, inputs=[])
        assert "no inputs" in refused(write(tmp_path, proto))

    def test_only_constant_inputs(self, tmp_path):
        proto = model([node("Relu", ["w"])], constants={"w": W}, inputs=[value("w", [4, 4])])
        assert "no inputs" in refused(write(tmp_path, proto))

    def test_nothing_computes_an_output(self, tmp_path):
        assert "nothing computes output 'z'" in refused(write(tmp_path, model([node("Relu", ["x"])], outputs=("z",))))

    def test_undefined_value(self, tmp_path):
        text = refused(write(tmp_path, model([node("Relu", ["ghost"], name="r")])))
        assert "node 'r' (Relu): it reads 'ghost', which nothing defines" in text

    @pytest.mark.parametrize(
        "nodes",
        [
            [node("Relu", ["x"]), node("Tanh", ["x"])],
            [node("Relu", ["x"], ["x"]), node("Relu", ["x"])],
            [node("Relu", ["x"], ["w"]), node("Relu", ["w"])],
        ],
    )
    def test_value_defined_twice(self, tmp_path, nodes):
        assert "two values are called" in refused(write(tmp_path, model(nodes, constants={"w": W})))

    def test_tensors_defined_twice(self, tmp_path):
        proto = model([node("MatMul", ["x", "w"])], constants=[tensor("w", W), tensor("w", W)])
        assert "two initializers are called 'w'" in refused(write(tmp_path, proto))

    def test_output_delivered_twice(self, tmp_path):
        proto = model([node("Relu", ["x"])], outputs=("y", "y"))
        assert "two outputs are called 'y'" in refused(write(tmp_path, proto))

    def test_nodes_out_of_order_are_sorted(self, tmp_path):
        nodes = [node("Relu", ["b"]), node("Tanh", ["a"], ["b"]), node("Sigmoid", ["x"], ["a"])]
        graph = agree(tmp_path, model(nodes))
        assert [n.op.function.value for n in graph.nodes] == ["sigmoid", "tanh", "relu"]

    @pytest.mark.parametrize("length", [1, 2, 50])
    def test_cycle(self, tmp_path, length):
        nodes = [node("Relu", [f"v{i}"], [f"v{(i + 1) % length}"], name=f"n{i}") for i in range(length)]
        text = refused(write(tmp_path, model([*nodes, node("Relu", ["x"])])))
        assert "depend on each other in a cycle" in text
        assert "'n0'" in text

    def test_long_chain(self, tmp_path):
        nodes = [node("Relu", [f"v{i}"], [f"v{i + 1}"]) for i in range(5000)]
        proto = model([node("Relu", ["x"], ["v0"]), *reversed(nodes)], outputs=("v5000",))
        assert len(load(tmp_path, proto).nodes) == 5001

    @pytest.mark.parametrize("depth", [12, 40, 200])
    def test_deep_nesting(self, tmp_path, depth):
        """Written byte by byte, for the library refuses to build it."""
        nested = node("Identity", ["x"], ["y"]).SerializeToString()
        for _ in range(depth):
            branch = field(1, b"then_branch") + field(6, field(1, nested))
            nested = field(1, b"flag") + field(2, b"y") + field(4, b"If") + field(5, branch)
        proto = model([], constants={"flag": np.array(True)})
        path = write(tmp_path, proto)
        path.write_bytes(path.read_bytes() + field(7, field(1, nested)))
        assert "nested" in refused(path) or depth > 30

    def test_operands_and_attributes_of_the_standard(self, tmp_path):
        for nodes in ([node("Relu", ["x", "x"])], [node("Gemm", ["x"])], [node("Relu", ["x"], slope=1.0)]):
            assert "breaks the ONNX standard" in refused(write(tmp_path, model(nodes)))

    def test_unknown_operator(self, tmp_path):
        assert "not supported yet" in refused(write(tmp_path, model([node("Foo", ["x"])])), UnsupportedOperatorError)

    def test_unknown_domain(self, tmp_path):
        proto = model([node("FusedGemm", ["x"], domain="com.microsoft")])
        text = refused(write(tmp_path, proto), UnsupportedOperatorError)
        assert "'com.microsoft'" in text


class TestOpsets:
    @pytest.mark.parametrize("opset", [1, 5, 999])
    def test_too_old_or_new(self, tmp_path, opset):
        path = write(tmp_path, model([node("Relu", ["x"])], opset=opset))
        assert f"its opset is {opset}" in refused(path, UnsupportedOperatorError)

    def test_none(self, tmp_path):
        proto = model([node("Relu", ["x"])])
        del proto.opset_import[:]
        assert "opset" in refused(write(tmp_path, proto))


class TestFunctions:
    def function(self, name, nodes, opset=17):
        opsets = [helper.make_opsetid("", opset), helper.make_opsetid("local", 1)]
        return helper.make_function("local", name, ["a"], ["b"], nodes, opsets)

    def call(self, name, source="a", result="b"):
        return node(name, [source], [result], domain="local")

    def test_inlined(self, tmp_path):
        inner = self.function("Inner", [node("Tanh", ["a"], ["b"])])
        outer = self.function("Outer", [self.call("Inner", "a", "t"), node("Relu", ["t"], ["b"])])
        proto = model([self.call("Outer", "x", "y")], functions=[inner, outer])
        assert [n.op.function.value for n in agree(tmp_path, proto).nodes] == ["tanh", "relu"]

    def test_quantizers_inside(self, tmp_path):
        domain = "qonnx.custom_op.general"
        body = [
            node("Constant", [], ["s"], value_float=0.5),
            node("Constant", [], ["z"], value_float=0.0),
            node("Constant", [], ["n"], value_float=4.0),
            node("Quant", ["a", "s", "z", "n"], ["b"], domain=domain),
        ]
        opsets = [helper.make_opsetid("", 17), helper.make_opsetid(domain, 1)]
        function = helper.make_function("local", "Q", ["a"], ["b"], body, opsets)
        proto = model([self.call("Q", "x", "y")], functions=[function])
        assert names(agree(tmp_path, proto)) == ["quantize"]

    @pytest.mark.parametrize("through", ["F", "G"])
    def test_recursion(self, tmp_path, through):
        functions = [self.function("F", [self.call(through)]), self.function("G", [self.call("F")])]
        proto = model([self.call("F", "x", "y")], functions=functions)
        assert "calls itself" in refused(write(tmp_path, proto))

    def test_billion_laughs(self, tmp_path):
        functions = [self.function("F0", [node("Relu", ["a"], ["b"])])]
        for i in range(1, 10):
            calls = [self.call(f"F{i - 1}", f"t{j}" if j else "a", f"t{j + 1}" if j < 9 else "b") for j in range(10)]
            functions.append(self.function(f"F{i}", calls))
        proto = model([self.call("F9", "x", "y")], functions=functions)
        assert "unfold into 1000000000 nodes" in refused(write(tmp_path, proto))

    def test_long_chain(self, tmp_path):
        functions = [self.function("F0", [node("Relu", ["a"], ["b"])])]
        functions += [self.function(f"F{i}", [self.call(f"F{i - 1}")]) for i in range(1, 3000)]
        proto = model([self.call("F2999", "x", "y")], functions=functions)
        assert "nested too deeply" in refused(write(tmp_path, proto))

    def test_tensor_in_a_function(self, tmp_path):
        function = self.function(
            "F", [node("Constant", [], ["c"], value=raw([2**30, 2**30], b"")), node("Add", ["a", "c"], ["b"])]
        )
        proto = model([self.call("F", "x", "y")], functions=[function])
        assert "claims" in refused(write(tmp_path, proto))
