#include "bench/products.h"

#include <dlfcn.h>

#include <algorithm>
#include <cstdlib>
#include <dnnl.hpp>
#include <memory>

namespace dreamdb::bench {

namespace {

// Rows at once: with few of them the result stays in the cache, with many there are fewer calls.
constexpr size_t kRowsAtOnce[] = {256, 1024, 4096};

// cblas.h, whose types depend on how it is installed.
constexpr int kRowMajor = 101, kPlain = 111, kTransposed = 112;
using Sgemm = void (*)(int order, int trans_a, int trans_b, int m, int n, int k, float alpha,
                       const float* a, int lda, const float* b, int ldb, float beta, float* c,
                       int ldc);

// Calls work(first) for the rows from `first` on, `step` of them.
template <typename F>
std::function<void()> in_steps(size_t rows, size_t step, const F& work) {
  return [rows, step, work] {
    for (size_t first = 0; first + step <= rows; first += step) work(first);
  };
}

std::vector<Product> make_openblas(Sgemm sgemm, std::span<const float> rows,
                                   std::span<const float> centroids, size_t dim) {
  std::vector<Product> out;
  const int k = static_cast<int>(centroids.size() / dim), width = static_cast<int>(dim);
  for (const size_t step : kRowsAtOnce) {
    const auto result = std::make_shared<std::vector<float>>(step * centroids.size() / dim);
    out.push_back({"OpenBLAS f32, " + std::to_string(step) + " rows",
                   in_steps(rows.size() / dim, step, [=](size_t first) {
                     sgemm(kRowMajor, kPlain, kTransposed, static_cast<int>(step), k, width, 1,
                           rows.data() + first * dim, width, centroids.data(), width, 0,
                           result->data(), k);
                   })});
  }
  return out;
}

// A matrix of oneDNN that is made of one of ours, in the form that it asks for.
dnnl::memory converted(const dnnl::engine& engine, const dnnl::memory::desc& wanted,
                       std::span<const float> values, const dnnl::memory::desc& form) {
  dnnl::stream stream(engine);
  dnnl::memory from(form, engine, const_cast<float*>(values.data())), to(wanted, engine);
  dnnl::reorder(from, to).execute(stream, from, to);
  stream.wait();
  return to;
}

std::vector<Product> make_onednn(std::span<const float> rows, std::span<const float> centroids,
                                 size_t dim, bool bf16) {
  using dnnl::memory;
  std::vector<Product> out;
  const dnnl::engine engine(dnnl::engine::kind::cpu, 0);
  const auto width = static_cast<memory::dim>(dim);
  const auto n = static_cast<memory::dim>(rows.size() / dim);
  const auto k = static_cast<memory::dim>(centroids.size() / dim);
  const auto f32 = memory::data_type::f32, type = bf16 ? memory::data_type::bf16 : f32;
  const auto plain = memory::format_tag::ab, transposed = memory::format_tag::ba;
  const memory all = converted(engine, {{n, width}, type, plain}, rows, {{n, width}, f32, plain});
  for (const size_t step : kRowsAtOnce) {
    const auto m = static_cast<memory::dim>(step);
    const memory::desc a({m, width}, type, plain), c({m, k}, f32, plain);
    const memory::desc b({width, k}, type, memory::format_tag::any);
    const dnnl::matmul::primitive_desc made(dnnl::matmul::desc(a, b, c), engine);
    const memory weights =
        converted(engine, made.weights_desc(), centroids, {{width, k}, f32, transposed});
    const memory result(c, engine);
    const dnnl::matmul product(made);
    auto* const bytes = static_cast<std::byte*>(all.get_data_handle());
    const size_t row_bytes = dim * (bf16 ? 2 : sizeof(float));
    out.push_back(
        {std::string("oneDNN ") + (bf16 ? "bf16, " : "f32, ") + std::to_string(step) + " rows",
         in_steps(rows.size() / dim, step, [=](size_t first) {
           dnnl::stream stream(engine);
           const memory part(a, engine, bytes + first * row_bytes);
           (void)all;  // kept
           product.execute(
               stream, {{DNNL_ARG_SRC, part}, {DNNL_ARG_WEIGHTS, weights}, {DNNL_ARG_DST, result}});
           stream.wait();
         })});
  }
  return out;
}

}  // namespace

void limit_products(std::string_view kernels) {
  // The threads of oneDNN, whose number the environment says only before the program starts.
  if (auto* const set = ::dlsym(RTLD_DEFAULT, "omp_set_num_threads"); set != nullptr)
    reinterpret_cast<void (*)(int)>(set)(1);
  ::setenv("OPENBLAS_NUM_THREADS", "1", 1);
  const bool avx512 = kernels.starts_with("avx512");
  if (avx512 || kernels == "amx") ::setenv("OPENBLAS_CORETYPE", "SkylakeX", 1);
  if (kernels == "avx2") ::setenv("OPENBLAS_CORETYPE", "Haswell", 1);
  if (kernels == "avx2") ::setenv("ONEDNN_MAX_CPU_ISA", "AVX2", 1);
  if (avx512) ::setenv("ONEDNN_MAX_CPU_ISA", "AVX512_CORE", 1);
  if (kernels == "avx512_bf16") ::setenv("ONEDNN_MAX_CPU_ISA", "AVX512_CORE_BF16", 1);
}

Result<std::vector<Product>> make_products(std::span<const float> rows,
                                           std::span<const float> centroids, size_t dim,
                                           bool bf16) {
  // Opened only here: it chooses its kernels as it is loaded.
  void* const library = ::dlopen("libopenblas.so.0", RTLD_NOW | RTLD_LOCAL);
  const auto sgemm =
      library == nullptr ? nullptr : reinterpret_cast<Sgemm>(::dlsym(library, "cblas_sgemm"));
  if (sgemm == nullptr)
    return fail(Code::kNotFound,
                "OpenBLAS is not installed: apt-get install --no-install-recommends "
                "libopenblas0-pthread (or ./run bench, which installs it)");
  std::vector<Product> out = make_openblas(sgemm, rows, centroids, dim);
  for (const bool rounded : {false, true}) {
    if (rounded && !bf16) continue;
    std::ranges::move(make_onednn(rows, centroids, dim, rounded), std::back_inserter(out));
  }
  return out;
}

}  // namespace dreamdb::bench
