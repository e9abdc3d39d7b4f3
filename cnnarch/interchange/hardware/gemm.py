"""A network as a list of matrix products, for who knows the speed of his GEMM."""

import csv
from io import StringIO

from cnnarch.graph import Graph
from cnnarch.interchange.hardware.products import products, safe
from cnnarch.spec.model import Spec

__all__ = ["write"]

HEADER = ("layer", "product", "M", "N", "K", "count")


def write(spec: Spec, graph: Graph, name: str, batch: int = 1) -> str:
    """A CSV with a row for each product of m×k by k×n; M·N·K·count, summed over all rows, are the network's MACs.

    A convolution is im2col: M places of the output (times the batch and the regions), N filters of a group, K weights
    of a filter, and a product for each group. A transposed one is the same over places of the input, N the filters
    times their window. Of a recurrent layer the input is multiplied at once, the state at each position.

    >>> from cnnarch.spec import catalog
    >>> from cnnarch.spec.build import build
    >>> spec = catalog.read("alexnet_2012")
    >>> print(write(spec, build(spec), "alexnet"), end="")
    layer,product,M,N,K,count
    conv1,,3025,96,363,1
    conv2,,729,128,1200,2
    conv3,,169,384,2304,1
    conv4,,169,192,1728,2
    conv5,,169,128,1728,2
    fc1,,1,4096,9216,1
    fc2,,1,4096,4096,1
    fc3,,1,1000,4096,1

    Errors: ReadError for a kind whose products are not known.
    """
    text = StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(HEADER)
    for node, found in products(graph, batch):
        rows.writerows((safe(node.name), one.name, one.m, one.n, one.k, one.times) for one in found)
    return text.getvalue()
