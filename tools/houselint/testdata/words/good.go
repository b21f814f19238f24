package words

// The inner product of two rows, and a matrix-vector
// product; the product A·B, the product of a row
// and the random matrices, sums of products.
var innerProduct float64

// A value of the API or of a column is quoted: "product", 'product', `product`, ?source=product.
var source = `{"source": "product", "product_id": 1}`

// The productivity of production is another word.
const wire = "product"
